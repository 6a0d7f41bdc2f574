"""The list of commands, their help, and how a command fails."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from connector.cli.examples import ExampledCommand, ExampledGroup
from connector.cli.failures import describe
from connector.cli.main import SECTIONS, cli, main
from connector.errors import (
    ConfigError,
    ConnectorError,
    CrmAccessError,
    LedgerBusyError,
    Problem,
)

NAMES = [name for commands in SECTIONS.values() for name in commands]


def _leaves() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli, info_name="connector")
    for name in NAMES:
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", leaf) for sub, leaf in command.commands.items())
        else:
            yield name, command


LEAVES = dict(_leaves())


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from connector.cli.main import main; main(['--help']);"
        "heavy = {'sqlalchemy', 'alembic', 'httpx', 'rich', 'pydantic', 'structlog', 'starlette'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    assert all(name in done.stdout for name in NAMES)


def test_the_summary_in_the_list_is_that_of_the_command() -> None:
    context = click.Context(cli, info_name="connector")
    for commands in SECTIONS.values():
        for name, (_, summary) in commands.items():
            command = cli.get_command(context, name)
            assert command is not None
            assert command.short_help == summary


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_help_and_examples_that_it_understands(name: str) -> None:
    command = LEAVES[name]
    assert isinstance(command, ExampledCommand)
    assert command.help
    assert command.examples
    for example in command.examples:
        typed = shlex.split(example.partition("|")[0])
        words = ["connector", *name.split()]
        assert typed[: len(words)] == words
        context = click.Context(command, info_name=name)
        command.make_parser(context).parse_args(typed[len(words) :])


@pytest.mark.parametrize("name", LEAVES)
def test_the_help_of_every_command_shows_its_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), "--help"]) == 0
    out = capsys.readouterr().out
    command = LEAVES[name]
    assert isinstance(command, ExampledCommand)
    assert all(f"  {example}\n" in out for example in command.examples)


def test_every_group_has_help_and_examples_of_its_own_commands() -> None:
    context = click.Context(cli, info_name="connector")
    groups = {name: cli.get_command(context, name) for name in NAMES}
    for name, group in groups.items():
        if isinstance(group, click.Group):
            assert isinstance(group, ExampledGroup)
            assert group.help
            for example in group.examples:
                assert shlex.split(example)[:2] == ["connector", name]
                assert shlex.split(example)[2] in group.commands


READING = {
    *("status", "explain", "audit", "check", "demo", "db current", "db check"),
    *("dead-letters list", "dead-letters show", "mapping preview"),
}


@pytest.mark.parametrize("name", sorted(READING))
def test_every_command_that_reads_has_json(name: str) -> None:
    assert "--json" in {option for param in LEAVES[name].params for option in param.opts}


@pytest.mark.parametrize("name", sorted(LEAVES.keys() - {"demo"}))
def test_config_may_follow_every_command(name: str) -> None:
    assert "--config" in {option for param in LEAVES[name].params for option in param.opts}


@pytest.mark.parametrize(
    "typed",
    [
        ["--config", "nowhere.toml", "status", "--json"],
        ["status", "--json", "--config", "nowhere.toml"],
        ["status", "--config", "nowhere.toml", "--json"],
    ],
)
def test_a_configuration_that_is_not_there_is_named(
    typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed) == 2
    out, err = capsys.readouterr()
    assert err == ""
    error = json.loads(out)["error"]
    assert error["kind"] == "config"
    assert "connector init" in error["remedy"]
    assert error["problems"] == [
        {
            "file": "nowhere.toml",
            "line": None,
            "key": None,
            "message": "does not exist",
            "expected": None,
            "nearest": None,
        }
    ]


def test_the_option_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONNECTOR_CONFIG", str(tmp_path / "of-the-environment.toml"))
    assert main(["status"]) == 2
    assert "of-the-environment.toml" in capsys.readouterr().err
    assert main(["status", "--config", "of-the-option.toml"]) == 2
    err = capsys.readouterr().err
    assert "of-the-option.toml" in err
    assert "of-the-environment" not in err


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "No such command 'sync'" in err
    assert "connector --help" in err


def test_wrong_usage_is_json_where_json_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["error"]["kind"] == "usage"


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "To begin:" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("connector ")


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (ConfigError([Problem("config.toml", "webhook.prot", "is not a known key")]), "config", 2),
        (LedgerBusyError("another daemon holds it", remedy="stop it"), "ledger", 3),
        (CrmAccessError("not accepted"), "crm", 1),
        (ConnectorError("no"), "problem", 1),
        (PermissionError(13, "Permission denied", "config.toml"), "problem", 1),
        (ValueError("Ana Souza"), "bug", 1),
    ],
)
def test_each_kind_of_failure_has_its_exit_status(error: Exception, kind: str, status: int) -> None:
    failure = describe(error)
    assert (failure.kind, failure.status) == (kind, status)


def test_an_unforeseen_error_tells_its_place_and_no_value() -> None:
    try:
        int("Ana Souza")
    except ValueError as error:
        failure = describe(error)
    assert "Ana" not in failure.message
    assert "ValueError at " in failure.message
    assert "test_cli_main.py" in failure.message


def test_all_problems_of_a_configuration_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[webhook]\nprot = 8080\n[log]\nlevel = "lots"\n')
    assert main(["check", "--config", str(file)]) == 2
    err = capsys.readouterr().err
    assert f"{file}:2: webhook.prot: is not a known key; did you mean 'port'?" in err
    assert f"{file}:4: log.level" in err
    assert "whatsapp: is required" in err
    assert "destinations: is required" in err
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as told:
        assert told.read() == ""
    assert process.wait(60) == 1
