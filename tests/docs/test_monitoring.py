"""Prometheus and Grafana ask only for what /metrics shows, and the runbook has every alert."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from connector import metrics
from connector.ledger.destinations import register_destinations
from connector.ledger.gauges import oldest_open
from connector.ledger.ledger import Ledger
from connector.ledger.overview import look
from connector.ledger.space import measure_ledger
from connector.model.alerts import ALERTS
from connector.web.metrics import Metrics, Snapshot

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
OUTSIDE = {"up": {"job", "instance"}}
"""What Prometheus itself adds."""
ADDED = {"job", "instance", "exported_job"}
SUFFIXES = ("_total", "_bucket", "_sum", "_count")


def expressions() -> Iterator[tuple[str, str]]:
    for number, rule in enumerate(RULES):
        yield f"{rule['alert']} {number}", rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.fixture(scope="module")
def label_names() -> dict[str, set[str]]:
    """Return the labels of every instrument by its name, as the code declares them."""
    return {
        instrument._name: set(instrument._labelnames)
        for instrument in vars(metrics).values()
        if hasattr(instrument, "_labelnames")
    }


@pytest.fixture
async def shown(anyio_backend: Any, sqlite_ledger: Ledger) -> dict[str, set[str]]:
    """Return what /metrics shows, with labels, by the names that expressions use."""
    assert anyio_backend
    sqlite_ledger.transact(register_destinations, {"crm": "hubspot"})

    def take(connection: Any) -> Snapshot:
        view = look(connection, now=sqlite_ledger.now(connection), numbers=[])
        return Snapshot(
            overview=view,
            size=measure_ledger(connection),
            revision="0001",
            oldest_open=oldest_open(connection, view.loads),
            free_bytes=1,
            budgets={("crm", "daily"): 0.5},
            conservation_difference=0,
            credentials={"crm": sqlite_ledger.now(connection)},
        )

    async def snapshot() -> Snapshot:
        return await sqlite_ledger.read(take)

    text = (await Metrics(snapshot, version="1").render()).decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        labels = {label for sample in family.samples for label in sample.labels}
        names = [family.name, *(f"{family.name}{suffix}" for suffix in SUFFIXES)]
        for name in names:
            found.setdefault(name, set()).update(labels)
    for name, labels in [
        (f"{instrument._name}{suffix}", set(instrument._labelnames))
        for instrument in vars(metrics).values()
        if hasattr(instrument, "_labelnames")
        for suffix in ("", *SUFFIXES)
    ]:
        if name in found:
            found[name] |= labels
    return found | OUTSIDE


@pytest.mark.anyio
@pytest.mark.parametrize(("where", "expression"), sorted(expressions()))
async def test_an_expression_asks_only_for_what_is_shown(
    shown: dict[str, set[str]], where: str, expression: str
) -> None:
    assert where
    names = re.findall(r"\b(connector_\w+|process_\w+|python_\w+|up)\b", expression)
    assert names, "an expression without a metric"
    for name in names:
        assert name in shown, f"{name} is not shown"
        real = name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        if name != real:
            assert f"{real}_bucket" in shown
    for name, matchers in re.findall(r"\b(\w+)\{([^}]*)\}", expression):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert labels <= shown[name] | ADDED, f"{name} has no {labels - shown[name]}"
    for listed in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
        asked = {label.strip() for label in listed.split(",")} - ADDED - {"le"}
        known = set().union(*(shown[name] for name in names))
        assert asked <= known, f"nothing has {asked - known}"
    assert expression.count("(") == expression.count(")")
    assert expression.count("{") == expression.count("}")


def test_a_job_is_told_from_prometheus_own(label_names: dict[str, set[str]]) -> None:
    assert "job" in label_names["connector_job_last_success_timestamp_seconds"]
    for where, expression in expressions():
        for name, matchers in re.findall(r"\b(connector_job_\w+)\{([^}]*)\}", expression):
            assert 'job="' not in matchers.replace('exported_job="', ""), (where, name)


def test_a_rule_has_all_that_somebody_needs_at_night() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (page, anchor) == ("docs/runbook.md", rule["alert"].lower())


def test_the_runbook_has_every_alert_and_no_other() -> None:
    headings = re.findall(r"(?m)^### (\w+)$", RUNBOOK)
    assert len(headings) == len(set(headings))
    assert set(headings) == {rule["alert"] for rule in RULES} | ALERTS.keys()


def test_the_runbook_says_who_raises_an_alert() -> None:
    rules = {rule["alert"] for rule in RULES}
    for name, who in re.findall(r"(?m)^### (\w+)\n\n\*([^*]+)\.\*", RUNBOOK):
        raised = [
            word
            for word, has in (("Connector", name in ALERTS), ("Prometheus", name in rules))
            if has
        ]
        assert who == " and ".join(raised), name
    assert len(re.findall(r"(?m)^### \w+\n\n\*", RUNBOOK)) == len(rules | ALERTS.keys())


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    cells = [
        {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
    ]
    assert all(x < 24 for each in cells for x, _ in each)
    assert [pair for pair in combinations(cells, 2) if pair[0] & pair[1]] == []
