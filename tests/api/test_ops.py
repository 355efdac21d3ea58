"""What an operator's dashboard and alarms ask for is what /metrics tells; the containers' files are of one mind."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.settings import Settings
from tests.service import Service

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops"


def _asked(text: str) -> set[str]:
    return {re.sub(r"_(total|bucket|count|sum|info)$", "", name) for name in re.findall(r"gocua_[a-z_]+", text)}


async def test_every_figure_that_is_asked_for_is_told(service: Service) -> None:
    text = (await service.web.get("/metrics")).text
    told = {re.sub(r"_info$", "", family.name) for family in text_string_to_metric_families(text)}
    dashboard: dict[str, Any] = json.loads((OPS / "grafana-dashboard.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((OPS / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    expressions += [rule["expr"] for rule in rules]
    assert len(expressions) > 30
    assert _asked("\n".join(expressions)) - told == set()
    ours = {name for name in told if name.startswith("gocua_") and not name.endswith("_created")}
    assert ours - _asked("\n".join(expressions)) == set(), "a figure that nobody looks at"


def test_no_two_alarms_or_panels_have_one_name() -> None:
    dashboard = json.loads((OPS / "grafana-dashboard.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((OPS / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    for names in ([one["title"] for one in dashboard["panels"]], [one["alert"] for one in rules]):
        assert len(names) == len(set(names))
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "look"}


def test_containers_set_what_the_service_reads() -> None:
    known = {f"GOCUA_{name.upper()}" for name in Settings.model_fields}
    for name in ("compose.yaml", "compose.small.yaml"):
        compose = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        for one in compose["services"].values():
            given = one.get("environment", {})
            assert {key for key in given if key.startswith("GOCUA_")} - known - {"GOCUA_SITE"} == set()


def test_the_proxy_knows_every_process() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    processes = {name for name, one in compose["services"].items() if "build" in one}
    for file in ("Caddyfile", "prometheus.yaml"):
        assert set(re.findall(r"(gocua-\d):8000", (OPS / file).read_text(encoding="utf-8"))) == processes
