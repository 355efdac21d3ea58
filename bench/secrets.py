"""How well redact() masks: `python -m bench.secrets [rows.jsonl ...]`, by default our own made-up rows.

A row: `text`, `kind` (a kind of knowledge.secrets, or `ordinary`), `secret` (what must be gone, as typed); or `text`
and `secrets`, all that must be gone, of any kind (none: an ordinary row).
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from knowledge.secrets import redact

OWN = [Path(__file__).parent / "data" / name for name in ("secrets.jsonl", "secrets_strangers.jsonl")]


def main(paths: list[Path]) -> None:
    for path in paths:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
        right, total = Counter[str](), Counter[str]()
        started = time.perf_counter()
        results = [redact(row["text"]) for row in rows]
        spent_ms = (time.perf_counter() - started) * 1000
        for row, result in zip(rows, results, strict=True):
            hidden = row.get("secrets") or [secret for secret in [row.get("secret")] if secret]
            kind = row.get("kind") or ("any" if hidden else "ordinary")
            told = kind == "any" or kind in result.found
            good = sum(told and secret not in result.text for secret in hidden)
            total[kind] += len(hidden) or 1
            right[kind] += good if hidden else result.text == row["text"]
            if good < len(hidden) or (not hidden and result.text != row["text"]):
                print(f"  {kind}: {row['text']!r} -> {result.text!r} {result.found}")
        secrets = sum(total.values()) - total["ordinary"]
        masked = sum(right.values()) - right["ordinary"]
        touched = total["ordinary"] - right["ordinary"]
        print(f"{path.name}: {masked}/{secrets} secrets masked, {touched}/{total['ordinary']} ordinary rows touched,")
        print("  " + ", ".join(f"{kind} {right[kind]}/{total[kind]}" for kind in sorted(total)))
        print(f"  {spent_ms / len(rows):.3f} ms a row")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or OWN)
