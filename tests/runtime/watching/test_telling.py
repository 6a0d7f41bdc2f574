"""What is owed to whoever is told of alerts."""

from datetime import timedelta

from connector.ledger.alarms import (
    change_alarms,
    firing_alarms,
    mark_told,
    owed_alarms,
    past_alarms,
)
from connector.ledger.ledger import Ledger
from connector.model.alerts import Alert
from tests.runtime.watching.hands import START


def test_what_is_owed_is_told_in_order_and_then_done(ledger: Ledger) -> None:
    alert = Alert("DiskLow", "little is free", "free some space")
    for _ in range(3):
        ledger.transact(change_alarms, [alert], now=START, telling=True)
    [alarm] = ledger.query(owed_alarms)
    assert alarm.owed == ("firing",)

    later = START + timedelta(minutes=1)
    for _ in range(3):
        ledger.transact(change_alarms, [], now=later, telling=True)
    [alarm] = ledger.query(owed_alarms)
    assert alarm.owed == ("firing", "resolved")
    ledger.transact(mark_told, alarm.id, "resolved")
    ledger.transact(mark_told, alarm.id, "firing")
    [alarm] = ledger.query(owed_alarms)
    assert alarm.owed == ("resolved",)
    ledger.transact(mark_told, alarm.id, "resolved")

    assert ledger.query(owed_alarms) == []
    assert ledger.query(firing_alarms) == []
    assert [each.over_at for each in ledger.query(past_alarms, limit=5)] == [later]


def test_an_alert_that_changes_its_words_is_not_told_again(ledger: Ledger) -> None:
    for count in (1, 2):
        alert = Alert("ParkedGrowing", f"{count} wait", "look", destination="hubspot")
        ledger.transact(change_alarms, [alert], now=START, telling=True)
    [alarm] = ledger.query(firing_alarms)
    assert (alarm.detail, alarm.owed) == ("2 wait", ("firing",))
