"""Our keys for messages and conversations, as a CRM carries them: opaque, and the same for ever."""

from collections.abc import Callable

from connector.model.record import RecordKind


def carrier_marker(
    keyed_hash: Callable[[str], str],
    destination: str,
    record: RecordKind,
    *,
    wamid: str | None,
    conversation: str,
) -> str:
    """Return the key under which a destination holds a message: its own or its conversation's."""
    if record == "conversation":
        return "wv_" + keyed_hash(f"{destination}|{conversation}")
    return "wm_" + keyed_hash(f"{destination}|{wamid}")


def hash_wamid(keyed_hash: Callable[[str], str], wamid: str) -> str:
    """Return what is kept of a message id for good; the id itself holds the phone."""
    return keyed_hash(f"wamid|{wamid}")
