"""``connector check``."""

from collections.abc import Iterable
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from connector.cli.answers import add_row, indented, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.session import config_of, require_destination
from connector.runtime.checks import Report, run_checks
from connector.runtime.finding import Finding

_SIGNS: Final = {
    "ok": Text("ok", "green"),
    "warn": Text("warn", "yellow"),
    "fail": Text("FAIL", "bold red"),
    "skipped": Text("-", "dim"),
}


@click.command(
    cls=ExampledCommand,
    short_help="Say what is right and what is not, before and after you start.",
    examples=["connector check", "connector check hubspot --json", "connector check --probe"],
)
@click.argument("destination", required=False)
@click.option(
    "--probe", is_flag=True, help="Also write a record of each kind to the CRM, and delete it."
)
@config_option
@json_option
@click.pass_context
def command(context: click.Context, destination: str | None, *, probe: bool) -> int:
    """Say what is right and what is not: one line a check, with what to do.

    The configuration, the ledger, our side of WhatsApp, and each CRM: its token, permissions,
    quota and key fields, and whether the mapping fits its fields. Nothing is changed, but --probe
    writes a made-up contact and message, looks for both by our keys, and deletes them again. Exit
    status 1 where something failed, 2 where the configuration is wrong.
    """
    config = config_of(context)
    if destination is not None:
        require_destination(config, destination)
    report = run_checks(config, destination, probe=probe)
    if given(context).as_json:
        print_json(report.as_json())
    else:
        _tell(report)
    return 0 if report.ok else 1


def _tell(report: Report) -> None:
    shown = table("", "", "check", "")
    add_findings(shown, report.findings)
    say(shown)
    for name, sentence in report.promises.items():
        if sentence is not None:
            say("", words(f"What {name} is promised", "bold"), indented(sentence))
    failed = sum(finding.state == "fail" for finding in report.findings)
    warned = sum(finding.state == "warn" for finding in report.findings)
    say("")
    if failed:
        say(words(f"{failed} failed, {warned} to think about.", "bold red"))
    elif warned:
        say(words(f"Nothing failed, {warned} to think about.", "yellow"))
    else:
        say(words("All is well.", "green"))


def add_findings(into: Table, findings: Iterable[Finding]) -> None:
    """Add a line for each finding."""
    for finding in findings:
        add_row(into, _SIGNS[finding.state], finding.name, _detail(finding))


def _detail(finding: Finding) -> Text:
    place = f"{finding.file}:{finding.line}: " if finding.file and finding.line else ""
    field = f"{finding.field}: " if finding.field else ""
    text = words(f"{place}{field}{finding.detail}")
    if finding.nearest:
        text.append(f"; did you mean {finding.nearest!r}?")
    if finding.remedy and finding.state != "ok":
        text.append(f"\n-> {finding.remedy}", style="dim")
    return text
