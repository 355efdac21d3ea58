"""The published schema of the flow language: it is the parser's own, and every shipped flow fits it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.flow_schema import schema_text
from bot.library import Folders

PUBLISHED = Path(__file__).parents[2] / "docs/flow.schema.json"
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
SCHEMA: dict[str, Any] = json.loads(schema_text())
FLOW = "title: Thử\ntopic: vneid\nsteps:\n  a: {end: Xong}\n"


def misfits(value: Any, schema: dict[str, Any], where: str = "") -> list[str]:
    """The part of JSON Schema that ours is written in. Every scalar is text, as the flow's own reader has it."""
    if "$ref" in schema:
        return misfits(value, SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]], where)
    for many in ("oneOf", "anyOf"):
        if many in schema:
            fit = [one for one in schema[many] if not misfits(value, one, where)]
            return [] if len(fit) == 1 or (fit and many == "anyOf") else [f"{where}: {len(fit)} of {many}"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{where}: {value}"]
    if isinstance(value, dict) and schema["type"] == "object":
        known, rest = schema.get("properties", {}), schema["additionalProperties"]
        missing = [f"{where}: no {key}" for key in schema.get("required", ()) if key not in value]
        few = [f"{where}: too few"] if len(value) < schema.get("minProperties", 0) else []
        unknown = [f"{where}.{key}" for key in value if key not in known and rest is False]
        inner = {key: known.get(key, rest) for key in value if key in known or rest is not False}
        return (
            missing
            + few
            + unknown
            + [bad for key in inner for bad in misfits(value[key], inner[key], f"{where}.{key}")]
        )
    if isinstance(value, list) and schema["type"] == "array":
        return [bad for at, one in enumerate(value) for bad in misfits(one, schema["items"], f"{where}[{at}]")]
    if isinstance(value, str) and "string" in schema["type"]:
        return [] if re.match(schema.get("pattern", ""), value) else [f"{where}: {value}"]
    return [f"{where}: {type(value).__name__}"]


def test_the_published_schema_is_of_today() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), "run: gocua schema > docs/flow.schema.json"


@pytest.mark.parametrize("path", sorted(Folders().flows.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_flow_fits(path: Path) -> None:
    assert misfits(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER), SCHEMA) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Thử\n", ""),
        ("topic", "topik"),
        ("{end: Xong}", "{end: Xong, say: Chào}"),
        ("{end: Xong}", "{kết: Xong}"),
        ("{end: Xong}", "{ask: Tên, kind: ten}"),
        ("{end: Xong}", "{choose: Gì}"),
        ("{end: Xong}", "{choose: Gì, options: {Một: a}}"),
        ("{end: Xong}", "{do: Gì, stuck: [{sign: Hư}]}"),
        ("{end: Xong}", "{check: Gì, verdicts: {la: a}}"),
        ("{end: Xong}", "Xong"),
        ("title", "verified_on: 21/11/2026\ntitle"),
        ("title", "asked_as: làm thử\ntitle"),
    ],
)
def test_what_does_not_fit(old: str, new: str) -> None:
    assert misfits(yaml.load(FLOW, Loader=yaml.BaseLoader), SCHEMA) == []
    assert misfits(yaml.load(FLOW.replace(old, new, 1), Loader=yaml.BaseLoader), SCHEMA) != []
