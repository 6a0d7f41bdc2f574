"""Files that came with messages: which are wanted, and what became of fetching them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select, update

from connector.ledger.insertion import insert_new
from connector.ledger.schema import media


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One message's file, as the message describes it."""

    message_id: int
    media_id: str
    mime_type: str | None = None
    sha256: str | None = None
    attempts: int = 0


def want_media(
    connection: Connection,
    files: Sequence[MediaFile],
    *,
    state: Literal["wanted", "skipped"],
    now: datetime,
) -> None:
    """Have files fetched, or note that they are not to be; one that is known stays as it is."""
    insert_new(
        connection,
        media,
        [
            {
                "message_id": file.message_id,
                "media_id": file.media_id,
                "mime_type": file.mime_type,
                "sha256": file.sha256,
                "state": state,
                "due_at": now if state == "wanted" else None,
            }
            for file in sorted(files, key=lambda file: file.message_id)
        ],
    )


def due_media(connection: Connection, *, now: datetime, limit: int) -> list[MediaFile]:
    """Return files that are to be fetched now, the longest waiting first."""
    rows = connection.execute(
        select(
            media.c.message_id,
            media.c.media_id,
            media.c.mime_type,
            media.c.sha256,
            media.c.attempts,
        )
        .where(media.c.state == "wanted", media.c.due_at <= now)
        .order_by(media.c.due_at, media.c.message_id)
        .limit(limit)
    )
    return [MediaFile(*row) for row in rows]


def next_media_at(connection: Connection) -> datetime | None:
    """Return when the next file is due; ``None`` if none is wanted."""
    found: datetime | None = connection.execute(
        select(func.min(media.c.due_at)).where(media.c.state == "wanted")
    ).scalar_one()
    return found


def settle_stored(connection: Connection, message_id: int, *, path: str) -> bool:
    """Write down where a file is; return whether it is still wanted there.

    A file whose message was purged or erased meanwhile is not, and has to go.
    """
    stored = connection.execute(
        update(media)
        .where(media.c.message_id == message_id, media.c.state == "wanted")
        .values(state="stored", path=path, due_at=None, error_code=None)
    ).rowcount
    return stored == 1


def settle_failed(connection: Connection, message_id: int, *, code: str) -> None:
    """Give a file up."""
    connection.execute(
        update(media)
        .where(media.c.message_id == message_id, media.c.state == "wanted")
        .values(state="failed", due_at=None, error_code=code, attempts=media.c.attempts + 1)
    )


def settle_later(
    connection: Connection, message_id: int, *, code: str, due_at: datetime, counts: bool
) -> None:
    """Try a file again later. Unless it ``counts``, the attempt is as if it never was."""
    connection.execute(
        update(media)
        .where(media.c.message_id == message_id, media.c.state == "wanted")
        .values(
            due_at=due_at,
            error_code=code,
            attempts=media.c.attempts + 1 if counts else media.c.attempts,
        )
    )
