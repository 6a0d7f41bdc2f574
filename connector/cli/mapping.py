"""``connector mapping``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.errors import ConfigError
from connector.runtime.opening import open_config
from connector.runtime.preview import Setting, preview_mapping


@click.group(short_help="Try out what a mapping makes of a message.")
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
