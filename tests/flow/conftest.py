"""After every flow test: nothing that was received is unaccounted for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.balance import differences


@pytest.fixture(autouse=True)
def nothing_is_unaccounted_for(tmp_path: Path) -> Iterator[None]:
    """Balance every installation that a test made, once its processes have ended.

    It is set up before the trials are, so its second half comes after they were stopped.
    """
    yield
    found = {str(file): differences(file) for file in sorted(tmp_path.rglob("config.toml"))}
    unbalanced = {file: each for file, each in found.items() if each and any(each.values())}
    assert unbalanced == {}
