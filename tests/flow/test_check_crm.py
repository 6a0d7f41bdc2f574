"""``check`` of each CRM: what is missing is named exactly, and a probe leaves nothing behind."""

from collections.abc import Callable
from typing import Any

import pytest

from connector.cli.main import main
from connector.runtime.trial import Trial

NewTrial = Callable[..., Trial]
ADAPTERS = ("hubspot", "pipedrive", "rest")
Lines = dict[str, list[dict[str, Any]]]


def _trial(new_trial: NewTrial, adapter: str, *, own: str | None = None, **options: Any) -> Trial:
    """Prepare a trial, with a mapping of its own where ``own`` says what differs."""
    shipped = "rest/sandbox" if adapter == "rest" else adapter
    destination = {"batch_wait": "200ms", "mapping": shipped}
    trial = new_trial(
        adapter=adapter,
        destination=destination,
        set_up=options.pop("set_up", adapter != "rest"),
        **options,
    )
    if own is not None:
        (trial.folder / "own.toml").write_text(f'extends = "{shipped}"\n{own}')
        text = trial.config.read_text()
        trial.config.write_text(text.replace(f'mapping = "{shipped}"', 'mapping = "own.toml"'))
    return trial


def _check(trial: Trial, *arguments: str) -> Lines:
    found: Lines = {}
    for each in trial.command("check", *arguments)["checks"]:
        found.setdefault(each["name"], []).append(each)
    return found


def _states(lines: list[dict[str, Any]]) -> set[str]:
    return {each["state"] for each in lines}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_crm_that_is_set_up_passes_and_says_what_is_known_of_it(
    new_trial: NewTrial, adapter: str
) -> None:
    found = _check(_trial(new_trial, adapter), adapter)
    for part in ("mapping", "account", "permissions", "schema"):
        assert _states(found[f"{adapter}.{part}"]) == {"ok"}, found
    assert not [each for lines in found.values() for each in lines if each["state"] == "fail"]
    match adapter:
        case "hubspot":
            [quota] = found["hubspot.quota"]
            assert "of daily left" in quota["detail"]
            assert "2026-09" in found["hubspot.api_version"][0]["detail"]
            assert "served until" in found["hubspot.api_version"][0]["detail"]
            assert any("wa_contact_key" in each["detail"] for each in found["hubspot.keys"])
        case "pipedrive":
            [quota] = found["pipedrive.quota"]
            assert "of tokens left" in quota["detail"]
            assert found["pipedrive.api_version"][0]["state"] == "ok"


@pytest.mark.parametrize("adapter", ["hubspot", "pipedrive"])
def test_a_crm_that_was_never_set_up_lacks_its_keys_by_name(
    new_trial: NewTrial, adapter: str
) -> None:
    found = _check(_trial(new_trial, adapter, set_up=False), adapter)
    lacking = [each for each in found[f"{adapter}.keys"] if each["state"] == "fail"]
    names = {"hubspot": "wa_contact_key", "pipedrive": "WhatsApp key"}
    assert any(names[adapter] in each["detail"] for each in lacking), lacking
    assert {each["remedy"] for each in lacking} == {f"connector setup {adapter} --apply"}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_revoked_token_is_told_and_the_rest_left_alone(new_trial: NewTrial, adapter: str) -> None:
    trial = _trial(new_trial, adapter)
    trial.crm.order("tokens", {"token": trial.crm.token}, method="DELETE")
    found = _check(trial, adapter, "--probe")
    [account] = found[f"{adapter}.account"]
    assert account["state"] == "fail"
    assert "token" in account["remedy"]
    assert _states(found[f"{adapter}.keys"] + found[f"{adapter}.schema"]) == {"skipped"}
    assert f"{adapter}.probe" not in found


def test_a_missing_scope_of_hubspot_is_named(new_trial: NewTrial) -> None:
    trial = _trial(new_trial, "hubspot")
    scopes = [
        "crm.objects.contacts.read",
        "crm.schemas.contacts.read",
        "crm.schemas.contacts.write",
    ]
    trial.crm.order("tokens", {"token": "pat-na1-narrow", "scopes": scopes})
    (trial.folder / "crm_token").write_text("pat-na1-narrow")
    [permissions] = _check(trial, "hubspot")["hubspot.permissions"]
    assert permissions["state"] == "fail"
    assert "the token lacks crm.objects.contacts.write" in permissions["detail"]
    assert "crm.objects.contacts.read" not in permissions["detail"].replace(",", " ").split()


def test_a_token_of_a_rest_crm_that_may_not_write_is_found_by_the_probe(
    new_trial: NewTrial,
) -> None:
    trial = _trial(new_trial, "rest")
    trial.crm.order("tokens", {"token": "reader", "scopes": ["read"]})
    (trial.folder / "crm_token").write_text("reader")
    found = _check(trial, "rest", "--probe")
    [probe] = found["rest.probe.contact"]
    assert probe["state"] == "fail"
    assert "permission" in probe["detail"]


@pytest.mark.parametrize(
    ("adapter", "own", "field", "nearest"),
    [
        (
            "hubspot",
            '[contact.fields]\nfirst_nam = "{{ contact.first_name }}"\n',
            "first_nam",
            "firstname",
        ),
        (
            "pipedrive",
            '[contact.fields]\nemials = "{{ contact.first_name }}"\n',
            "emials",
            "emails",
        ),
    ],
)
def test_a_field_that_the_crm_lacks_is_named_with_its_line_and_the_nearest(
    new_trial: NewTrial, adapter: str, own: str, field: str, nearest: str
) -> None:
    found = _check(_trial(new_trial, adapter, own=own), adapter)
    [line] = [each for each in found[f"{adapter}.schema"] if each["state"] == "fail"]
    assert field in line["field"]
    assert line["file"].endswith("own.toml")
    assert line["line"] == 3
    assert line["nearest"] == nearest


def test_a_key_of_hubspot_without_unique_values_is_refused(new_trial: NewTrial) -> None:
    own = '[contact]\nkey = "jobtitle"\n'
    found = _check(_trial(new_trial, "hubspot", own=own), "hubspot")
    refused = [each for each in found["hubspot.keys"] if each["state"] == "fail"]
    assert "jobtitle on contacts" in refused[0]["detail"]
    assert "exists without unique values" in refused[0]["detail"]


def test_a_key_of_pipedrive_that_is_there_twice_is_refused(new_trial: NewTrial) -> None:
    trial = _trial(new_trial, "pipedrive")
    trial.crm.order("field", {"name": "WhatsApp key", "type": "varchar"})
    found = _check(trial, "pipedrive")
    [refused] = [each for each in found["pipedrive.keys"] if each["state"] == "fail"]
    assert "several person fields" in refused["detail"]


def test_a_used_up_quota_is_a_warning(new_trial: NewTrial) -> None:
    trial = _trial(new_trial, "hubspot")
    used = _check(trial, "hubspot")
    trial.crm.order("settings", {"daily_limit": 10}, method="PATCH")
    found = _check(trial, "hubspot")
    assert used["hubspot.quota"][0]["state"] == "ok"
    [told] = found["hubspot.quota"]
    assert told["state"] == "warn"
    assert "no call is left" in told["detail"]
    assert "nothing is lost" in told["remedy"]
    assert main(["db", "upgrade", "--config", str(trial.config)]) == 0
    rehearsed = trial.command("test", "hubspot")
    assert not rehearsed["ok"]
    assert "no call is left" in str(rehearsed)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_probe_writes_finds_and_deletes_one_of_each(new_trial: NewTrial, adapter: str) -> None:
    trial = _trial(new_trial, adapter)
    before = trial.crm.state()
    found = _check(trial, adapter, "--probe")
    probes = {name: lines for name, lines in found.items() if ".probe" in name}
    kind = "conversation" if adapter == "pipedrive" else "message"
    assert set(probes) == {f"{adapter}.probe.contact", f"{adapter}.probe.{kind}"}
    for lines in probes.values():
        assert _states(lines) == {"ok"}, lines
        assert "found by our key" in lines[0]["detail"]
    after = trial.crm.state()
    assert _left(after) == _left(before)
    assert not (trial.folder / "connector.db").exists(), "a check makes no ledger"


def _left(state: dict[str, Any]) -> dict[str, Any]:
    """Return what of a sandbox's state are records that people see."""
    return {
        name: [each for each in found if not (each.get("is_deleted") or each.get("archived"))]
        for name, found in state.items()
        if isinstance(found, list) and name not in {"calls", "faults"}
    }


def test_a_probe_tells_of_a_key_that_can_not_be_found(new_trial: NewTrial) -> None:
    own = '[contact.lookup]\nmarker = "/username"\n'
    trial = _trial(new_trial, "rest", own=own)
    found = _check(trial, "rest", "--probe")
    [line] = found["rest.probe.contact"]
    assert line["state"] == "fail"
    assert "but not found by our key" in line["detail"]
    assert found["rest.probe.message"][0]["state"] == "ok"
    assert _left(trial.crm.state())["contacts"] == []
