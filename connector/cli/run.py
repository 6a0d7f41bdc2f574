"""``connector run``."""

import click

from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option
from connector.cli.session import config_of
from connector.runtime.logs import configure_logging
from connector.runtime.supervisor import ROLES, run_daemon


def _read_roles(_context: click.Context, _option: click.Parameter, value: str | None) -> list[str]:
    if value is None:
        return list(ROLES)
    roles = [role.strip() for role in value.split(",") if role.strip()]
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise click.BadParameter(
            f"{', '.join(unknown) or value!r}: the roles are {', '.join(ROLES)}"
        )
    return roles


@click.command(
    cls=ExampledCommand,
    short_help="Run the daemon.",
    examples=[
        "connector run",
        "connector run --only receive",
        "connector run --only record,deliver",
    ],
)
@click.option(
    "--only",
    metavar="ROLES",
    callback=_read_roles,
    help="Carry out only these, of receive, record, deliver and schedule, with commas between.",
)
@config_option
@click.pass_context
def command(context: click.Context, only: list[str]) -> None:
    """Run the daemon: take webhooks in, and keep every CRM true to them.

    On SQLite one process does everything. On PostgreSQL any number of processes on any number of
    hosts share the work; `--only` splits the roles over them. SIGTERM drains: nothing new is begun,
    what is on its way is finished, and the exit status is 0.
    """
    config = config_of(context)
    configure_logging(config.log)
    run_daemon(config, roles=only)
