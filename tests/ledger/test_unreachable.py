"""A PostgreSQL that is not there."""

from collections.abc import Callable

import pytest

from connector.errors import LedgerError
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger

Ask = Callable[[Ledger], object]


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger: ledger.transact(lambda _: None),
        lambda ledger: ledger.query(lambda _: None),
        lambda ledger: ledger.execute_alone(lambda _: None),
    ],
    ids=["transact", "query", "execute_alone"],
)
def test_a_server_that_is_not_there_is_an_error_with_a_remedy(ask: Ask) -> None:
    ledger = Ledger(open_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))

    with pytest.raises(LedgerError) as caught:
        ask(ledger)

    assert caught.value.remedy is not None
    ledger.close()
