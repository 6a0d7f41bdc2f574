"""``connector demo``."""

import signal
import sys
from collections.abc import Mapping
from typing import Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from connector.cli.answers import add_row, print_json, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import given, json_option
from connector.runtime.demo import Demo, Outcome, demo
from connector.runtime.sandboxes import CRMS


@click.command(
    cls=ExampledCommand,
    short_help="Show the whole way in a sandbox; nothing to set up.",
    examples=["connector demo", "connector demo --crm pipedrive --keep", "connector demo --json"],
)
@click.option(
    "--crm",
    type=click.Choice(list(CRMS)),
    default="hubspot",
    show_default=True,
    help="Which sandbox.",
)
@click.option("--keep", is_flag=True, help="Leave all of it running to look at, until Ctrl-C.")
@json_option
@click.pass_context
def command(context: click.Context, *, crm: str, keep: bool) -> int:
    """Show the whole way from WhatsApp to a CRM in a sandbox; nothing to set up.

    Starts a sandbox CRM and the connector on this machine, posts a day of sample WhatsApp traffic
    as signed webhooks, with repetitions and disorder, and shows what arrived. Exit status 1 if
    anything is missing or there twice.
    """
    as_json = given(context).as_json
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends our processes as Ctrl-C does
    if not as_json:
        say(words("\nWhatsApp to CRM, the whole way in a sandbox\n", "bold"))
    with _Steps(quiet=as_json) as steps, demo(crm, steps, keep=keep) as running:
        outcome = running.show()
        steps.stop()
        if as_json:
            print_json(outcome.as_json(kept=keep))
            sys.stdout.flush()
        else:
            _tell(outcome)
        if keep:
            _keep(running, outcome, quiet=as_json)
    return 0 if outcome.perfect else 1


class _Count(MofNCompleteColumn):
    """How many of how many, where that is known."""

    def render(self, task: Task) -> Text:
        """Return ``3/12``, or nothing."""
        return Text() if task.total is None else super().render(task)


class _Steps:
    """The steps, on the terminal: a line for each that is done, and a bar for the one that is not.

    On stderr, or nowhere where stdout is for a program and stderr no terminal.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=quiet, highlight=False)
        self._silent = quiet and not self._console.is_terminal
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            _Count(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def begin(self, what: str) -> None:
        """Show what is under way."""
        self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=None)

    def advance(self, done: int, total: int) -> None:
        """Show how far it has come."""
        self._bar.update(self._task, completed=done, total=total)

    def end(self, what: str) -> None:
        """Write a line for what is done."""
        self._bar.update(self._task, visible=False)
        if not self._silent:
            line = words(" ok  ", "bold green").append_text(words(what, ""))
            self._console.print(line, soft_wrap=True)


def _tell(outcome: Outcome) -> None:
    shown = table(
        f"What the sandbox {CRMS[outcome.adapter].called} holds now",
        "contact",
        "phone or user id",
        "CRM id",
        "messages",
        "statuses of ours",
        numbers=["messages"],
    )
    for each in outcome.contacts:
        add_row(
            shown,
            each.name,
            each.phone or each.user_id,
            each.crm_id or words("missing", "bold red"),
            each.messages,
            _statuses(each.statuses),
        )
    say(shown, "")
    sent, crm = outcome.sent, outcome.crm
    if outcome.perfect:
        say(
            words(
                f"All {sent['messages']} messages and {sent['contacts']} people are in the CRM "
                "exactly once: 0 missing, 0 doubled.",
                "bold green",
            )
        )
    else:
        say(words(f"Not as it should be: {outcome.verdict}.", "bold red"))
    audit = outcome.audit
    say(
        f"The ledger agrees: {audit['received']} received = {audit['synced']} synced + "
        f"{sum(audit['skipped'].values())} skipped + {audit['erased']} erased + "
        f"{sum(audit['parked'].values())} parked + {audit['open']} open.",
        f"It took {outcome.seconds:.1f} s and {crm['calls']} calls to the CRM.",
        "",
    )


def _statuses(statuses: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in statuses.items())


def _keep(running: Demo, outcome: Outcome, *, quiet: bool) -> None:
    if not quiet:
        urls = outcome.urls
        places = table("All of it goes on running", "", "")
        for what, where in {
            "the CRM as people see it": urls["crm_page"],
            "the connector's own page": urls["dashboard"],
            "webhooks go to": urls["webhook"],
            "the CRM's API": urls["crm_api"],
            "configuration, secrets, ledger, log": outcome.folder,
        }.items():
            add_row(places, what, words(where, "cyan"))
        say(
            places,
            "",
            words("Try", "bold"),
            f"  connector status --config {outcome.folder}/config.toml",
            f'  connector explain "{outcome.contacts[0].phone}" --config '
            f"{outcome.folder}/config.toml",
            "",
            words("Ctrl-C ends it; the folder is left.", "dim"),
        )
    try:
        running.wait_for_the_end()
    except KeyboardInterrupt:
        if not quiet:
            say("", f"Ended. What it left: {outcome.folder}")
