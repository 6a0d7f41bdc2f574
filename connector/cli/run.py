"""``connector run``."""

import click

from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option
from connector.cli.session import config_of, require_known
from connector.runtime.logs import configure_logging
from connector.runtime.supervisor import ROLES, run_daemon


@click.command(
    cls=ExampledCommand,
    short_help="Run the daemon.",
    examples=["connector run", "connector run --only receive,record"],
)
@click.option(
    "--only", metavar="ROLES", help=f"Some of {','.join(ROLES)}; without it, all. For PostgreSQL."
)
@config_option
@click.pass_context
def command(context: click.Context, only: str | None) -> None:
    """Run the daemon: take webhooks, record them, deliver to the CRMs, keep the schedule.

    It logs to stderr and ends on SIGTERM or Ctrl-C once what is under way has ended; a second one
    ends it at once. Neither loses anything. Exit status 3 where the ledger can not be used, such
    as when another daemon holds the SQLite file.
    """
    roles = _read_roles(only)
    config = config_of(context)
    configure_logging(config.log)
    run_daemon(config, roles=roles)


def _read_roles(only: str | None) -> tuple[str, ...]:
    if only is None:
        return ROLES
    wanted = tuple(role.strip() for role in only.split(","))
    for role in wanted:
        require_known(role, ROLES, what="role")
    return wanted
