"""``make faults``: kill, pause and restart real processes under load, and count what is wrong.

``python -m faults.run [KIND ...] [--database sqlite|postgresql] [--kills N] [--pauses N]
[--webhooks N] [--races N] [--seed N] [--json]``; exit status 1 where anything was lost, doubled or
out of order. Every campaign can be repeated with its seed, as far as the machine's timing allows.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench.databases import postgresql_ledger, postgresql_server
from faults.campaign import Campaign, Plan
from faults.kinds import KINDS
from faults.races import RacePlan, Races

DATABASES: Final = ("sqlite", "postgresql")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked for: by default every kind of CRM on both databases, and some races."""
    chosen = _parse(arguments)
    kinds = chosen.kind or list(KINDS)
    databases = chosen.database or list(DATABASES)
    results: list[dict[str, Any]] = []
    clean = True
    with ExitStack() as stack:
        server = stack.enter_context(postgresql_server()) if "postgresql" in databases else ""
        for database in databases:
            for kind in kinds:
                with ExitStack() as one:
                    folder = _folder(one, keep=chosen.keep)
                    url = _ledger(one, server) if database == "postgresql" else None
                    report = Campaign(
                        Plan(
                            KINDS[kind],
                            url,
                            webhooks=chosen.webhooks,
                            contacts=chosen.contacts,
                            kills=chosen.kills,
                            pauses=chosen.pauses,
                            seed=chosen.seed,
                        ),
                        folder,
                    ).run()
                _show(report.lines(), quiet=chosen.json)
                results.append(report.as_json())
                clean = clean and report.clean
        if chosen.races and server:
            with ExitStack() as one:
                folder = _folder(one, keep=chosen.keep)
                races = Races(
                    RacePlan(
                        _ledger(one, server),
                        people=chosen.races,
                        kills=max(1, chosen.kills // 4),
                        pauses=max(1, chosen.pauses // 2),
                        seed=chosen.seed,
                    ),
                    folder,
                ).run()
            _show(races.lines(), quiet=chosen.json)
            results.append(races.as_json())
            clean = clean and races.clean
    if chosen.json:
        sys.stdout.write(json.dumps({"clean": clean, "runs": results}) + "\n")
    return 0 if clean else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    for kind in KINDS.values():
        parser.epilog = f"{parser.epilog or ''}{kind.name}: {kind.promise}. "
    parser.add_argument("kind", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--database", action="append", choices=DATABASES, help="default: both")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs of each run (default 20)")
    parser.add_argument("--pauses", type=int, default=4, help="SIGSTOPs past the lease (default 4)")
    parser.add_argument("--webhooks", type=int, default=1000, help="of each run (default 1000)")
    parser.add_argument("--contacts", type=int, default=48, help="people who write (default 48)")
    parser.add_argument("--races", type=int, default=200, help="first contacts at two receivers")
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
