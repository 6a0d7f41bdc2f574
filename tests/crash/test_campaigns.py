"""Short campaigns: kills and pauses at any moment and at named places, under load.

They take a quarter of an hour, so they are a command of their own:
``make test ARGS="-m campaign"``.
``make faults`` runs the same at any length.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.campaign import Campaign, Plan
from faults.kinds import KINDS
from faults.mutants import MUTANTS, run_mutants
from faults.races import RacePlan, Races

pytestmark = pytest.mark.campaign

Record = Callable[[str, object], None]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["unique", "lookup", "pipedrive"])
def test_kills_and_pauses_of_one_process_lose_double_and_reorder_nothing(
    kind: str, tmp_path: Path, record_property: Record
) -> None:
    plan = Plan(KINDS[kind], None, webhooks=300, contacts=24, kills=8, pauses=1, seed=11)

    report = Campaign(plan, tmp_path).run()

    record_property("measured", "\n".join(report.lines()))
    assert report.clean, report.lines()
    assert (report.kills, report.pauses) == (8, 1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["unique", "lookup"])
def test_kills_and_pauses_of_many_hosts_lose_double_and_reorder_nothing(
    kind: str, tmp_path: Path, new_postgres_ledger: Callable[[], str], record_property: Record
) -> None:
    plan = Plan(
        KINDS[kind],
        new_postgres_ledger(),
        webhooks=300,
        contacts=24,
        kills=10,
        pauses=2,
        seed=12,
        workers=2,
    )

    report = Campaign(plan, tmp_path).run()

    record_property("measured", "\n".join(report.lines()))
    assert report.clean, report.lines()


@pytest.mark.timeout(600)
def test_two_receivers_and_three_workers_make_one_contact_of_each_person(
    tmp_path: Path, new_postgres_ledger: Callable[[], str], record_property: Record
) -> None:
    plan = RacePlan(new_postgres_ledger(), people=150, kills=2, pauses=1)

    report = Races(plan, tmp_path).run()

    record_property("measured", "\n".join(report.lines()))
    assert report.clean, report.lines()


@pytest.mark.timeout(600)
def test_what_a_crm_applies_too_late_is_there_twice_and_reported(
    tmp_path: Path, record_property: Record
) -> None:
    plan = Plan(KINDS["pipedrive"], None, webhooks=150, kills=0, pauses=0, harm=4.0, late=25.0)

    report = Campaign(plan, tmp_path).run()

    record_property("measured", "\n".join(report.lines()))
    assert report.doubled > 0
    assert report.reported == report.doubled
    assert report.kept, report.lines()


@pytest.mark.timeout(1500)
def test_every_safeguard_is_missed_by_a_test(record_property: Record) -> None:
    fates = list(run_mutants(MUTANTS))

    record_property("measured", f"{sum(fate.caught for fate in fates)} of {len(fates)} caught")
    assert {fate.mutant.name: fate.said for fate in fates if not fate.caught} == {}
