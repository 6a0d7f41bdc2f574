"""``make faults``: kill, pause and restart real processes under load, and count what is wrong."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.databases import postgresql_ledger, postgresql_server
from faults.campaign import LATE, Campaign, Plan
from faults.kinds import KINDS
from faults.races import RacePlan, RaceReport, Races
from faults.report import Report, table

DATABASES: Final = ("sqlite", "postgresql")


_EXAMPLES: Final = """\
examples:
  make faults                                      every kind on both databases, 20 kills each
  make faults ARGS="unique --database sqlite --kills 5 --pauses 1 --webhooks 200 --races 0"
  make faults ARGS="pipedrive --late 25 --kills 0 --pauses 0 --races 0"    a CRM that is too late
  make faults ARGS="--kills 63 --pauses 13 --webhooks 2600 --jobs 2 --json"    a long night's run

Exit status: 0 what is promised was kept, 1 something was lost, doubled or out of order (but for a
double that a pause may make, and that reconcile reported), 2 wrong usage. A campaign can be
repeated with its seed, as far as the machine's timing allows.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked for: by default every kind of CRM on both databases, and some races."""
    chosen = _parse(arguments)
    kinds = chosen.kind or list(KINDS)
    databases = chosen.database or list(DATABASES)
    with ExitStack() as stack:
        server = stack.enter_context(postgresql_server()) if "postgresql" in databases else ""
        pool = stack.enter_context(ThreadPoolExecutor(chosen.jobs))
        waiting = [
            pool.submit(_carry_out, chosen, kind, server if database == "postgresql" else "")
            for database in databases
            for kind in kinds
        ]
        reports = [each.result() for each in waiting]
        races = _race(chosen, server) if chosen.races and server else None
    clean = all(each.kept for each in reports) and (races is None or races.clean)
    _show(table(reports), quiet=chosen.json)
    if chosen.json:
        runs = [each.as_json() for each in reports] + ([races.as_json()] if races else [])
        sys.stdout.write(json.dumps({"clean": clean, "runs": runs}) + "\n")
    return 0 if clean else 1


def _carry_out(chosen: argparse.Namespace, kind: str, server: str) -> Report:
    """Carry out one campaign, on PostgreSQL where there is a server."""
    name = f"{kind} on {'postgresql' if server else 'sqlite'}"
    with ExitStack() as stack:
        folder = _folder(stack, keep=chosen.keep)
        url = _ledger(stack, server) if server else None
        plan = Plan(
            KINDS[kind],
            url,
            webhooks=chosen.webhooks,
            contacts=chosen.contacts,
            kills=chosen.kills,
            pauses=chosen.pauses,
            seed=chosen.seed,
            late=chosen.late,
        )
        _tell(f"{name}: begins")
        report = Campaign(plan, folder, tell=lambda said: _tell(f"{name}: {said}")).run()
    _show(report.lines(), quiet=chosen.json)
    return report


def _race(chosen: argparse.Namespace, server: str) -> RaceReport:
    """Let many people write for the first time while holders are killed and paused."""
    with ExitStack() as stack:
        folder = _folder(stack, keep=chosen.keep)
        plan = RacePlan(
            _ledger(stack, server),
            people=chosen.races,
            kills=max(1, chosen.kills // 4),
            pauses=max(1, chosen.pauses // 2),
            seed=chosen.seed,
        )
        races = Races(plan, folder).run()
    _show(races.lines(), quiet=chosen.json)
    return races


def _tell(said: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {said}\n")
    sys.stderr.flush()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    kinds = "".join(f"  {kind.name:14} {kind.promise}\n" for kind in KINDS.values())
    parser = argparse.ArgumentParser(
        prog="python -m faults.run",
        description=__doc__,
        epilog=f"kinds of CRM:\n{kinds}\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--database", action="append", choices=DATABASES, help="default: both")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs of each run (default 20)")
    parser.add_argument("--pauses", type=int, default=4, help="SIGSTOPs past the lease (default 4)")
    parser.add_argument("--webhooks", type=int, default=1000, help="of each run (default 1000)")
    parser.add_argument("--contacts", type=int, default=48, help="people who write (default 48)")
    parser.add_argument("--races", type=int, default=200, help="first contacts at two receivers")
    parser.add_argument(
        "--late",
        type=float,
        default=LATE,
        metavar="SECONDS",
        help="after which the CRM applies a request late (default %(default)s); after more than "
        "4.5 doubles are to be expected, and reconcile has to report each",
    )
    parser.add_argument("--jobs", type=int, default=1, help="campaigns side by side (default 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave each run's folder with its log")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.kind) - set(KINDS))
    if unknown:
        parser.error(f"no kind of CRM is called {', '.join(unknown)}")
    return chosen


def _folder(stack: ExitStack, *, keep: bool) -> Path:
    if keep:
        folder = tempfile.mkdtemp(prefix="connector-faults-")
        sys.stderr.write(f"{folder}\n")
        return Path(folder)
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="connector-faults-")))


def _ledger(stack: ExitStack, server: str) -> str:
    url = stack.enter_context(postgresql_ledger(server))
    return url.render_as_string(hide_password=False)


def _show(lines: Sequence[str], *, quiet: bool) -> None:
    stream = sys.stderr if quiet else sys.stdout
    stream.write("\n".join(lines) + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
