"""``connector recover``."""

from datetime import datetime
from typing import Any

import click

from connector.cli.answers import print_json, say, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given, json_option
from connector.cli.session import config_of
from connector.ledger.restoration import Recovered
from connector.runtime.recovery import look_at_backup, recover_restored
from connector.runtime.times import rfc3339

_TO_DO = (
    (
        "Webhooks answered after the backup are not in it. WhatsApp does not send them again; "
        "`connector reconcile` counts those that later messages speak of."
    ),
    (
        "What was decided after the backup has to be decided again: reviews, dead letters, people "
        "erased or blocked."
    ),
)


@click.command(
    cls=ExampledCommand,
    short_help="Tell a ledger that it was restored from a backup.",
    examples=["connector recover --restored", "connector recover --restored --yes --json"],
)
@click.option("--restored", is_flag=True, required=True, help="The ledger is a restored backup.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
@click.pass_context
def command(context: click.Context, /, *, restored: bool, yes: bool) -> None:
    """Make a ledger that was restored from a backup fit to go on, before anything is started.

    What was written into a CRM after the backup is not in the ledger. So whatever is open is looked
    up before it is sent, now and when it arrives later; processes that still run on the lost ledger
    are fenced off; and nothing is sent until what they may have sent has come to rest.

    Every process of the connector must be stopped. To do it twice, or to a ledger that was not
    restored, costs look-ups and does no harm.
    """
    del restored  # required, so that nobody recovers what was never restored by a slip
    config = config_of(context)
    if not yes:
        if given(context).as_json:
            raise click.UsageError("--json asks nothing: add --yes")
        found = look_at_backup(config)["last_write"]
        say(f"The last write in this ledger: {found or 'none'}.")
        click.confirm("Was it restored from a backup, and is every process stopped?", abort=True)
    recovered = recover_restored(config)
    if given(context).as_json:
        print_json(_spell(recovered))
    else:
        _tell(recovered)


def _spell(recovered: Recovered) -> dict[str, Any]:
    return {
        "last_write": rfc3339(recovered.last_write),
        "restored_at": rfc3339(recovered.restored_at),
        "quiet_until": rfc3339(recovered.quiet_until),
        "in_doubt": dict(recovered.in_doubt),
        "runs_withdrawn": recovered.runs,
        "rotated_tokens": list(recovered.rotated),
    }


def _tell(recovered: Recovered) -> None:
    say(
        words("The ledger is ready to go on.", "green"),
        f"  last write of the backup  {_time(recovered.last_write)}",
        f"  nothing is sent before    {_time(recovered.quiet_until)}",
    )
    for name, count in recovered.in_doubt.items():
        say(f"  {name}: {count} records are looked up before they are sent.")
    if recovered.runs:
        say(f"  {recovered.runs} runs were under way at the backup: order them again.")
    for name in recovered.rotated:
        say(
            f"  {name}: its refresh token may have been exchanged since. If `connector check` "
            "says so, authorise it again."
        )
    say("", *_TO_DO, "", "Now start the processes, then `connector audit`.")


def _time(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
