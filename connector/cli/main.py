"""``connector``: the list of commands, and how each of them ends."""

import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from connector.cli.failures import Failure, describe, report
from connector.cli.lazy import Commands, LazyGroup
from connector.cli.options import Given, config_option

_AT: Final = "connector.cli."
SECTIONS: Final[dict[str, Commands]] = {
    "To begin": {
        "demo": (_AT + "demo", "Show the whole way in a sandbox; nothing to set up."),
        "init": (_AT + "init", "Write a first config.toml and mapping."),
        "check": (_AT + "check", "Say what is right and what is not, before and after you start."),
        "setup": (_AT + "setup", "Say what a CRM lacks, and create it."),
        "test": (_AT + "test", "Send a test message the whole way, and look at it in the CRM."),
        "mapping": (_AT + "mapping", "Try out what a mapping makes of a message."),
    },
    "To run": {
        "run": (_AT + "run", "Run the daemon."),
        "db": (_AT + "db", "Look after the ledger: its schema and its backups."),
    },
    "To look": {
        "status": (_AT + "status", "Show what waits and how each CRM is."),
        "explain": (_AT + "explain", "Tell the story of one message, contact or CRM record."),
        "audit": (_AT + "audit", "Prove that nothing is missing."),
    },
    "To mend": {
        "dead-letters": (_AT + "dead_letters", "See, retry or give up what waits for a person."),
        "reviews": (_AT + "reviews", "Decide who is who where that can not be known."),
        "reconcile": (_AT + "reconcile", "Read a CRM back, and put right what differs."),
        "resync": (_AT + "resync", "Write records anew after a mapping was changed."),
        "resume": (_AT + "resume", "End a destination's pause now."),
        "replay": (_AT + "replay", "Process stored webhooks again; doubles nothing."),
        "recover": (_AT + "recover", "Tell a ledger that it was restored from a backup."),
    },
}
"""Every command, in the order of the help."""

INTERRUPTED: Final = 130


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 all is well, 1 a problem was found, 2 wrong usage or configuration, "
    "3 the ledger can not be used. Start with: connector demo",
)
@config_option
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _option, wanted: _print_version(context) if wanted else None,
    help="Print the version and end.",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Keep a CRM true to WhatsApp conversations: each message once, and only once."""
    context.ensure_object(Given)


def _print_version(context: click.Context) -> None:
    if context.resilient_parsing:
        return
    from connector.runtime.version import VERSION  # noqa: PLC0415 - takes longer than the help

    click.echo(f"connector {VERSION}")
    context.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in typed  # also where parsing fails before it is reached
    try:
        answer = cli.main(args=typed, prog_name="connector", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as help_text:
        click.echo(help_text.format_message())
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our answer has gone; Python must not stumble over that once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last place where one can be told in words
        failure: Failure = describe(error)
        report(failure, as_json=as_json)
        return failure.status
    return answer if isinstance(answer, int) else 0


if __name__ == "__main__":
    sys.exit(main())
