"""A run with faults moves every metric that docs/metrics.md promises, and shows no other."""

import asyncio
import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.sender import send

NewTrial = Callable[..., Trial]
BASE = datetime.now(UTC)
PROMISED: Final = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
ONLY_IN_TROUBLE: Final = {
    "connector_gate_refused_total",
    "connector_lease_lost_total",
    "connector_lanes_asleep_total",
    "connector_db_errors_total",
}
"""What only moves where a process is starved, the database fails, or a wake-up is lost."""
ZERO_IS_WELL: Final = ONLY_IN_TROUBLE | {
    "connector_ledger_conservation_difference",
    "connector_mapping_degraded_fields",
    "connector_reviews_open",
    "connector_intake_queue_length",
    "connector_delivery_oldest_open_seconds",
    "connector_clock_skew_seconds",
    "connector_event_lag_seconds",
}
Scraped = dict[str, dict[tuple[str, ...], float]]


def promised() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield name, type and labels of each metric in the documentation."""
    rows = re.findall(r"(?m)^\| `(connector_\w+)` \| (\w+)[^|]*\|([^|]*)\|", PROMISED)
    for name, kind, labels in rows:
        yield name, kind, frozenset(re.findall(r"`(\w+)`", labels))


def scrape(trial: Trial) -> tuple[Scraped, dict[str, str], dict[str, set[str]]]:
    """Return every sample by its metric, the metrics' types, and their labels."""
    text = httpx.get(f"{trial.admin_url}/metrics", timeout=10).raise_for_status().text
    samples: Scraped = {}
    kinds: dict[str, str] = {}
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        kinds[name] = family.type
        for sample in family.samples:
            if sample.name in {name, f"{name}_count"}:
                key = tuple(f"{k}={v}" for k, v in sorted(sample.labels.items()))
                samples.setdefault(name, {})[key] = sample.value
                labels.setdefault(name, set()).update(sample.labels)
    return samples, kinds, labels


def a_token(ends_at: float) -> str:
    """Return a JSON Web Token that ends then."""
    claims = urlsafe_b64encode(json.dumps({"exp": int(ends_at)}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{claims}.c2lnbmF0dXJl"


@pytest.mark.timeout(300)
def test_a_run_with_faults_moves_every_metric(new_trial: NewTrial) -> None:
    trial = new_trial(
        adapter="pipedrive",
        crm={"burst_limit": 200},
        destination={"batch_wait": "200ms", "rate": '{ requests = 150, per = "2s" }'},
        schedule={"check": "* * * * *"},
        tuning={"request_timeout": 1, "quiet_period": 3},
    )
    ends_at = time.time() + 3 * 86400
    token = a_token(ends_at)
    trial.crm.order("tokens", {"token": token})
    (trial.folder / "crm_token").write_text(token)
    trial.wait_until_ready(trial.start())

    _deliver_through_trouble(trial)
    _refuse_and_misunderstand(trial)
    _be_away(trial)
    trial.wait_until_settled(seconds=90)
    _drift(trial)
    trial.command("reconcile")
    _wait_for_the_check(trial)

    samples, kinds, labels = scrape(trial)
    documented = {name: (kind, named) for name, kind, named in promised()}
    assert len(documented) > 35
    ours = {name for name in kinds if name.startswith("connector_")}
    ours -= {name for name in ours if name.endswith("_created")}
    assert ours == documented.keys()
    for name, (kind, named) in documented.items():
        assert kinds[name] == kind, name
        assert labels.get(name, set()) <= named, name
        if name not in ONLY_IN_TROUBLE:
            assert labels.get(name, set()) == named, f"{name} has no samples with its labels"
    still = {
        name
        for name in documented.keys() - ZERO_IS_WELL
        if not any(value > 0 for value in samples.get(name, {}).values())
    }
    assert still == set()
    assert samples["connector_lanes_asleep_total"] == {(): 0.0}
    _judge(samples, ends_at)
    firing = {each["alert"] for each in trial.command("status")["alerts"]}
    assert "CredentialExpiring" in firing
    assert "ConservationBroken" not in firing


def _deliver_through_trouble(trial: Trial) -> None:
    """Commit late, and refuse a record, as a CRM does at times."""
    new_person = {"call": "persons.all", "method": "POST"}
    refused: dict[str, Any] = {"success": False, "error": "no"}
    for fault in (
        {"kind": "late_commit", "seconds": 2.6, "count": 2, "match": new_person},
        {
            "kind": "status",
            "status": 400,
            "body": refused,
            "share": 1.0,
            "match": {"call": "activities.*", "body": "5.000003]"},
        },
    ):
        trial.crm.order("faults", fault)
    traffic = burst(12, 60, base=BASE, seed=5)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, concurrency=8))
    trial.wait_until_settled(seconds=90)


def _be_away(trial: Trial) -> None:
    """Let the CRM answer nothing but 503 until it is left alone."""
    trial.crm.order("faults", {"kind": "error_before", "status": 503, "share": 1.0})
    traffic = burst(6, 12, base=BASE, seed=9)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))

    def left_alone() -> bool:
        return trial.status()["destinations"]["pipedrive"]["state"] in {"broken", "half_open"}

    wait_until(left_alone, seconds=60, what="the CRM is left alone", last_words=trial.last_words)
    trial.crm.order("faults", None, method="DELETE")


def _refuse_and_misunderstand(trial: Trial) -> None:
    """Post without a signature, and something that nobody understands."""
    with httpx.Client(timeout=10, trust_env=False) as client:
        assert client.post(trial.webhook_url, content=b"{}").status_code == 401
    odd = {"entry": [{"id": "1", "changes": [{"field": "news", "value": {}}]}]}
    asyncio.run(send(trial.webhook_url, trial.secret, [json.dumps(odd).encode()]))


def _drift(trial: Trial) -> None:
    """Change, double and merge records in the CRM."""
    state = trial.crm.state()
    first, second = state["activities"][:2]
    body = {"note": "nada a ver"}
    trial.crm.order("edit", {"type": "activities", "id": first["id"], "body": body})
    names = ("subject", "type", "done", "due_date", "due_time", "note", "participants")
    copy = {name: second[name] for name in names if second.get(name) is not None}
    trial.crm.order("create", {"type": "activities", "body": copy})
    person = state["persons"][-1]
    phones = [{"value": person["phones"][0]["value"], "primary": True, "label": "work"}]
    who = {"name": "Estranho", "phones": phones}
    stranger = trial.crm.order("create", {"type": "persons", "body": who})
    trial.crm.order("merge", {"removed": person["id"], "survivor": stranger["id"]})
    trial.crm.order("index", {})


def _wait_for_the_check(trial: Trial) -> None:
    def checked() -> bool:
        samples, _, _ = scrape(trial)
        return bool(samples.get("connector_credential_expires_timestamp_seconds"))

    wait_until(
        checked, seconds=150, what="the scheduled check has come to its end", every=2,
        last_words=trial.last_words,
    )  # fmt: skip


def _judge(samples: Scraped, ends_at: float) -> None:
    """Compare the figures that are known."""
    ends = samples["connector_credential_expires_timestamp_seconds"]
    assert ends == {("destination=pipedrive",): float(int(ends_at))}
    assert samples["connector_ledger_conservation_difference"] == {(): 0.0}
    skew = samples["connector_clock_skew_seconds"]
    assert set(skew) == {("against=database",), ("against=pipedrive",)}
    assert all(abs(value) < 3 for value in skew.values()), skew
    late = samples["connector_late_commit_seconds"]
    assert late[("destination=pipedrive",)] >= 1
    parked: dict[Any, float] = samples["connector_delivery_parked_total"]
    assert any("code=rejected" in key[0] for key in parked), parked
