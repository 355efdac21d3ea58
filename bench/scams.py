"""How well ScamCheck tells scams: `python -m bench.scams [rows.jsonl ...]`, by default our own made-up rows.

A row: `text`, `label` (`scam` or `legit`), optionally `kind`.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from knowledge.scams import ScamCheck

OWN = Path(__file__).parent / "data" / "messages.jsonl"
DATA = Path(__file__).parents[1] / "knowledge" / "scams"


def main(paths: list[Path]) -> None:
    started = time.perf_counter()
    check = ScamCheck.load(DATA)
    print(f"load {(time.perf_counter() - started) * 1000:.0f} ms")
    for path in paths:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
        check.assess(rows[0]["text"])
        started = time.perf_counter()
        verdicts = [check.assess(row["text"]).verdict for row in rows]
        spent_ms = (time.perf_counter() - started) * 1000 / len(rows)
        for label, missed in (("scam", {"suspicious", "unknown", "official"}), ("legit", {"scam", "suspicious"})):
            counted = Counter(v for row, v in zip(rows, verdicts, strict=True) if row["label"] == label)
            total = max(sum(counted.values()), 1)
            print(
                f"{path.name} {label} ({sum(counted.values())}): "
                + ", ".join(f"{v} {n} ({n / total:.1%})" for v, n in counted.items())
            )
            for row, verdict in zip(rows, verdicts, strict=True):
                if row["label"] == label and verdict in missed:
                    print(f"  {verdict}: {row['text']}\n      {check.assess(row['text']).reasons}")
        print(f"{spent_ms:.2f} ms a message")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [OWN])
