"""What a destination can promise, in words: it depends on what its CRM can do.

A CRM may take our key as unique, remember the key of a request for a while, show what it holds of
ours, or none of it. Contacts and messages of one CRM may differ.
"""

from connector.deliver.destination import Destination
from connector.model.record import RecordKind
from connector.runtime.times import span


def promise(destination: Destination, *, quiet_period: float) -> str:
    """Return the promise that holds for a destination whose schema has been read.

    ``quiet_period`` is in seconds, as in ``[tuning]``.
    """
    kinds: tuple[RecordKind, RecordKind] = ("contact", destination.record)
    both = [_promise(kind, destination, quiet_period=quiet_period) for kind in kinds]
    if both[0] == both[1]:
        return f"Each contact and each {kinds[1]} {both[0]}"
    return " ".join(f"Each {kind} {words}" for kind, words in zip(kinds, both, strict=True))


def _promise(kind: RecordKind, destination: Destination, *, quiet_period: float) -> str:
    if kind in destination.repeatable:
        return (
            "becomes exactly one record, whatever is killed, lost or late: the CRM takes our key "
            "as unique, so that a write of unknown outcome is simply made again. It holds as long "
            "as nobody edits the key."
        )
    remembered = destination.repeatable_for.get(kind)
    if remembered is not None:
        return (
            "becomes exactly one record as long as the CRM keeps its word: a write of unknown "
            "outcome is made again, byte by byte, under a key that the CRM remembers for "
            f"{span(remembered.total_seconds())}. {_promise_later(kind, destination)}"
        )
    if kind in destination.untraceable and kind in destination.repeat_in_doubt:
        return (
            "becomes at least one record, maybe two: this CRM can not be asked what it holds, and "
            "the mapping wants a write of unknown outcome to be made again."
        )
    if kind in destination.untraceable:
        return (
            "becomes at most one record: this CRM can not be asked what it holds, so that a write "
            "of unknown outcome is parked until a person has looked."
        )
    if kind in destination.unsure:
        return (
            "becomes at most one record: this CRM may not show what it has just written, so that "
            "a write of unknown outcome that is not found is parked until a person has looked."
        )
    return (
        "becomes exactly one record, as long as the CRM carries out a request within "
        f"{span(quiet_period)} or not at all, shows its own writes, and nobody edits our key: a "
        "write of unknown outcome is looked up before it is made again."
    )


def _promise_later(kind: RecordKind, destination: Destination) -> str:
    """Return what happens once the CRM has forgotten the key of a request."""
    if kind in destination.untraceable | destination.unsure:
        return "Later than that it is parked until a person has looked."
    return "Later than that it is looked up before it is made again."
