"""What a destination can promise, in a sentence: it depends on what its CRM can do."""

from connector.deliver.destination import Destination


def promise(destination: Destination, *, quiet_period: float) -> str:
    """Return the promise that holds for a destination whose schema has been read.

    ``quiet_period`` is in seconds, as in ``[tuning]``.
    """
    if destination.create_only:
        return _promise_create_only(destination)
    what = destination.record
    looked_up = {"contact", what} - destination.repeatable
    if not looked_up:
        return (
            f"Each {what} becomes exactly one record and each person exactly one contact, whatever "
            "is killed, lost or late: the CRM takes our key as unique, so that a write of unknown "
            "outcome can be made again. It holds as long as nobody edits the key."
        )
    return (
        f"Each {what} becomes exactly one record and each person exactly one contact, as long as "
        f"the CRM carries out a request within {quiet_period:g} s or not at all, and nobody edits "
        f"our key: a {' or '.join(sorted(looked_up))} of unknown outcome is looked up before it is "
        "written again. A copy that comes about otherwise is found and reported within a day."
    )


def _promise_create_only(destination: Destination) -> str:
    what = destination.record
    if destination.on_doubt == "repeat":
        return (
            f"Each {what} becomes at least one record, maybe two: this CRM can not be asked what "
            "it holds, and the mapping wants a write of unknown outcome to be made again."
        )
    return (
        f"Each {what} becomes at most one record: this CRM can not be asked what it holds, so that "
        "a write of unknown outcome is parked until a person has looked."
    )
