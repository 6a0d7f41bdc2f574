"""An older ledger is restored while people write: nothing doubled, nothing wiped out, nothing lost.

Lost may be only what was acknowledged after the backup and is not sent again.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.kinds import KINDS
from tests.crash.restores import Restores, restore_again_and_again
from tests.crash.vaults import PostgresVault, SqliteVault

Record = Callable[[str, object], None]


def judge(done: Restores, record_property: Record) -> None:
    record_property("measured", done.line())
    assert done.verdict.doubled == []
    assert done.verdict.doubled_contacts == []
    assert (done.lost, done.wiped) == (set(), set())
    assert (done.audit["difference"], done.audit["parked"], done.audit["open"]) == (0, {}, 0)
    assert done.unknown > 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "kind", ["lookup", pytest.param("conversations", marks=pytest.mark.campaign)]
)
def test_two_restores_double_nothing_and_wipe_nothing_out(
    kind: str, tmp_path: Path, record_property: Record
) -> None:
    done = restore_again_and_again(KINDS[kind], tmp_path, SqliteVault(), restores=2, seed=3)

    judge(done, record_property)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("kind", ["unique", "lookup", "pipedrive", "conversations"])
def test_twenty_restores_and_more_double_nothing_and_wipe_nothing_out(
    kind: str, seed: int, tmp_path: Path, record_property: Record
) -> None:
    done = restore_again_and_again(KINDS[kind], tmp_path, SqliteVault(), restores=5, seed=seed)

    judge(done, record_property)


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_a_restored_dump_of_postgresql_doubles_nothing(
    tmp_path: Path, new_postgres_ledger: Callable[[], str], record_property: Record
) -> None:
    vault = PostgresVault(new_postgres_ledger(), tmp_path)

    done = restore_again_and_again(KINDS["lookup"], tmp_path, vault, restores=2, seed=5)

    judge(done, record_property)
