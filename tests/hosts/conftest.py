"""Installations of many hosts; left out, with the reason, where networks can not be made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.installation import Installation
from tests.hosts.network import Network, NoNamespacesError


@pytest.fixture
def network() -> Iterator[Network]:
    """Yield a network without hosts of ours."""
    try:
        made = Network()
    except NoNamespacesError as error:
        pytest.skip(str(error))
    yield made
    made.remove()


@pytest.fixture
def installation(tmp_path: Path, network: Network) -> Iterator[Installation]:
    """Yield PostgreSQL, CRM and load balancer, each on a host of its own."""
    made = Installation(tmp_path, network)
    yield made
    made.remove()
