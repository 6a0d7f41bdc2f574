"""The SQLite database in which a sandbox CRM keeps its records."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class Database:
    """One database, made with the tables of ``schema``. One event loop owns it, no other thread."""

    def __init__(self, path: str, schema: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;" + schema
        )

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep what is written inside if it ends well, and nothing of it otherwise."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
