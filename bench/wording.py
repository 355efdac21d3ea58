"""Learns knowledge/scams/wording.tsv: `python -m bench.wording [rows.jsonl ...]`, by default from our own messages.

Logistic regression by plain gradient steps: the same rows give the same file. The residents' questions of
knowledge/topics stand in for ordinary talk, one in thirty, those about scams left out.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from knowledge.scams import ScamCheck
from knowledge.wording import FILE, features, scale

ROOT = Path(__file__).parents[1]
OWN = Path(__file__).parent / "data" / "messages.jsonl"
DATA = ROOT / "knowledge" / "scams"
_STEPS, _PACE, _DECAY, _TALK_EVERY, _TOO_SMALL = 400, 0.02, 0.6, 30, 0.01


def learn(rows: list[tuple[frozenset[str], bool]]) -> dict[str, float]:
    """Weights by feature; a feature of one row only is left out, the empty feature is the bias."""
    counted = Counter(feature for found, _ in rows for feature in found)
    places = {feature: at for at, feature in enumerate(sorted(f for f, n in counted.items() if n > 1))}
    seen = np.zeros((len(rows), len(places)), np.float32)
    for row, (found, _) in enumerate(rows):
        known = [places[feature] for feature in found if feature in places]
        seen[row, known] = scale(len(known))
    rarity = np.log(len(rows) / np.array([counted[feature] for feature in places]), dtype=np.float32) / 4
    seen *= rarity  # or the everyday words would learn fastest
    scams = np.array([scam for _, scam in rows], np.float32)
    weights, bias = np.zeros(len(places), np.float32), 0.0
    for _ in range(_STEPS):
        off = 1 / (1 + np.exp(-(seen @ weights + bias))) - scams
        weights -= _PACE * (seen.T @ off + _DECAY * weights)
        bias -= _PACE * float(off.sum()) / 10
    weights *= rarity
    return {"": bias} | {feature: float(weights[at]) for feature, at in places.items()}


def examples(paths: list[Path]) -> list[tuple[frozenset[str], bool]]:
    check = ScamCheck.load(DATA)
    rows = [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines() if line]
    talk = [
        line
        for path in sorted((ROOT / "knowledge" / "topics").glob("*.txt"))
        if path.stem != "lua-dao"
        for line in path.read_text("utf-8").splitlines()[::_TALK_EVERY]
        if line and not line.startswith("#")
    ]
    told = [(row["text"], row["label"] == "scam") for row in rows] + [(text, False) for text in talk]
    return [(frozenset(features(*check.wording_of(text))), scam) for text, scam in told]


def main(paths: list[Path]) -> None:
    weights = learn(examples(paths))
    kept = {feature: weight for feature, weight in weights.items() if abs(weight) > _TOO_SMALL or not feature}
    lines = [f"{feature}\t{weight:.3f}" for feature, weight in sorted(kept.items())]
    head = (
        "# Learned by bench/wording.py from bench/data/messages.jsonl: do not edit. Feature, weight (none: the bias)."
    )
    (DATA / FILE).write_text("\n".join([head, *lines]) + "\n", "utf-8")
    print(f"{len(kept)} weights")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [OWN])
