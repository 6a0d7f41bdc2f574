"""``connector mapping``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand, ExampledGroup
from connector.cli.options import config_option, given, json_option
from connector.errors import ConfigError
from connector.runtime.fixtures import mappings_with_examples, run_examples
from connector.runtime.opening import open_config
from connector.runtime.preview import Setting, preview_mapping


@click.group(
    cls=ExampledGroup,
    short_help="Try out what a mapping makes of a message.",
    examples=["connector mapping preview hubspot", "connector mapping test"],
)
def command() -> None:
    """Try out what a mapping makes of a message."""


@command.command(
    cls=ExampledCommand,
    examples=[
        "connector mapping preview hubspot",
        "connector mapping preview mappings/hubspot.toml --event webhook.json",
    ],
)
@click.argument("file")
@click.option(
    "--event",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="EVENT.json",
    help="A webhook's body; without it, made-up people.",
)
@click.option("--adapter", metavar="NAME", help="The kind of CRM, where the file does not tell.")
@config_option
@json_option
@click.pass_context
def preview(context: click.Context, *, file: str, event: Path | None, adapter: str | None) -> None:
    """Show the records that a mapping makes of made-up people or of a real message.

    FILE is a mapping file or the name of a shipped one. Nothing is sent, and no CRM is asked:
    `connector check` compares a mapping with the CRM's fields. Language, time zone and masks are
    the configuration's, where there is one.
    """
    found = preview_mapping(
        file,
        folder=Path.cwd(),
        adapter=adapter,
        event=None if event is None else event.read_bytes(),
        setting=_setting(context),
    )
    if given(context).as_json:
        print_json(found)
    else:
        _tell(found)


@command.command(
    cls=ExampledCommand,
    examples=["connector mapping test hubspot", "connector mapping test mine.toml --json"],
)
@click.argument("file", required=False)
@click.option("--adapter", metavar="NAME", help="The kind of CRM, where the file does not tell.")
@config_option
@json_option
@click.pass_context
def test(context: click.Context, *, file: str | None, adapter: str | None) -> int:
    """Run a mapping's own examples: event in, record out.

    They stand beside it, in hubspot.tests.toml beside hubspot.toml. FILE is a mapping file or the
    name of a shipped one; without it every shipped mapping that has examples is run. Exit status 1
    where one differs.
    """
    setting = _setting(context)
    files = [file] if file is not None else mappings_with_examples()
    found = [
        run_examples(each, folder=Path.cwd(), adapter=adapter, setting=setting) for each in files
    ]
    failed = sum(each["failed"] for each in found)
    if given(context).as_json:
        print_json({"ok": not failed, "mappings": found})
    else:
        _tell_examples(found)
    return 1 if failed else 0


def _tell_examples(found: Sequence[Mapping[str, Any]]) -> None:
    for each in found:
        say(words(each["mapping"], "bold"))
        for item in each["items"]:
            sign = words("ok  ", "green") if item["ok"] else words("FAIL", "bold red")
            say(sign + words(f"  {item['name']}"))
            if item["error"]:
                say(words(f"      {item['error']}", "yellow"))
            if item["differences"]:
                shown = table("", "record", "field", "expected", "made")
                for one in item["differences"]:
                    expected, made = _show(one["expected"]), _show(one["made"])
                    add_row(shown, one["record"], one["field"], expected, made)
                say(shown, "")
    tests, failed = (sum(each[name] for each in found) for name in ("tests", "failed"))
    if failed:
        say(words(f"{failed} of {tests} examples differ.", "bold red"))
    else:
        say(words(f"All {tests} examples come out as they should.", "green"))


def _show(value: Any) -> str:
    if value is None or value == "":
        return "(left out)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _setting(context: click.Context) -> Setting:
    """Take the configuration's settings; one that is not right yet must not stop a preview."""
    file = given(context).config_file
    try:
        return Setting.of(open_config(file))
    except ConfigError:
        if file is not None:
            raise
        return Setting()


def _tell(found: Mapping[str, Any]) -> None:
    say(f"{found['mapping']} for {found['adapter']}, a record for each {found['granularity']}")
    for sample in found["samples"]:
        say("", words(str(sample["name"]), "bold"))
        _tell_record(sample["contact"])
        for record in sample["messages"]:
            _tell_record(record)


def _tell_record(record: Mapping[str, Any]) -> None:
    shown = table(record["object"], "field", "value", "written")
    for name, value in record["fields"].items():
        when = "always"
        if name in record["create_only"]:
            when = "into a new record"
        elif name in record["if_empty"]:
            when = "if it is empty"
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        add_row(shown, name, text, words(when, "dim"))
    say(shown)
