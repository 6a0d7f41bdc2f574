"""``connector recover --restored``: who may, what is said, and what is remembered."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from connector.cli.main import main
from connector.ledger.engine import hold_file, open_engine
from connector.ledger.ledger import Ledger
from connector.runtime.trial import Trial

NewTrial = Callable[..., Trial]


@pytest.fixture
def trial(new_trial: NewTrial) -> Trial:
    """Return an installation with an empty ledger, of which nothing runs."""
    made = new_trial(set_up=False, tuning={"quiet_period": 60})
    assert main(["db", "upgrade", "--config", str(made.config)]) == 0
    return made


def recover(trial: Trial, *options: str) -> int:
    return main(["recover", *options, "--config", str(trial.config)])


def test_a_ledger_that_a_daemon_holds_is_not_recovered(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold_file(f"sqlite:///{trial.folder}/connector.db") or pytest.fail("no lock"):
        assert recover(trial, "--restored", "--yes", "--json") == 3

    told = json.loads(capsys.readouterr().out.splitlines()[-1])["error"]
    assert "another daemon holds the ledger" in told["message"]


def test_a_ledger_on_postgresql_with_a_process_connected_is_not_recovered(
    new_trial: NewTrial,
    new_postgres_ledger: Callable[[], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = new_postgres_ledger()
    trial = new_trial(set_up=False, ledger_url=url)
    daemon = Ledger(open_engine(url, role="daemon"))
    try:
        daemon.query(daemon.now)
        assert recover(trial, "--restored", "--yes") == 3
        assert "stop every process of the connector on every host" in capsys.readouterr().err
    finally:
        daemon.close()
    assert recover(trial, "--restored", "--yes") == 0


def test_it_asks_for_the_word_and_for_consent(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recover(trial, "--yes") == 2
    assert "--restored" in capsys.readouterr().err
    assert recover(trial, "--restored", "--json") == 2
    assert "add --yes" in capsys.readouterr().out


def test_what_was_done_and_what_is_left_to_do_is_said(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recover(trial, "--restored", "--yes") == 0

    told = " ".join(capsys.readouterr().out.split())
    for words in ("ready to go on", "nothing is sent before", "connector reconcile", "reviews"):
        assert words in told


def test_the_machine_form_is_stable(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert recover(trial, "--restored", "--yes", "--json") == 0

    found = json.loads(capsys.readouterr().out)
    assert list(found) == [
        "last_write",
        "restored_at",
        "quiet_until",
        "in_doubt",
        "runs_withdrawn",
        "rotated_tokens",
    ]
    restored_at, quiet_until = (
        datetime.fromisoformat(found[name]) for name in ("restored_at", "quiet_until")
    )
    assert quiet_until - restored_at == timedelta(seconds=60 + 0.5 + 2)
    assert main(["status", "--json", "--config", str(trial.config)]) == 0
    shown = json.loads(capsys.readouterr().out)["destinations"]["hubspot"]
    assert (shown["state"], shown["until"]) == ("throttled", found["quiet_until"])
