"""Whatever a CRM answers, an adapter gives a result or says why not, in the connector's words."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.crms import NAMES, WORKS, Crm, make_crm

EXAMPLES: Final = int(os.environ.get("CONNECTOR_FUZZ", "60"))
_SEEDS = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def crms(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Crm]:
    """Return the CRMs, each with a contact in it."""
    folder: Path = tmp_path_factory.mktemp("crms")
    return {name: make_crm(name, folder) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_harmed_is_done(crms: Mapping[str, Crm], name: str) -> None:
    for work in WORKS:
        found = asyncio.run(crms[name].ask(work, []))
        assert not isinstance(found, Exception), f"{work.__name__}: {found!r}"


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(work=st.sampled_from(WORKS), seeds=_SEEDS)
@example(work=WORKS[0], seeds=[1])
def test_no_answer_makes_an_adapter_fall(
    crms: Mapping[str, Crm], name: str, work: object, seeds: list[int]
) -> None:
    asyncio.run(crms[name].ask(work, seeds))  # type: ignore[arg-type]  # sampled from WORKS
