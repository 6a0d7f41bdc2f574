"""Who gave a command, for the row that remembers it."""

import getpass
import os
import socket


def actor() -> str:
    """Return the operating system's user and host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may have a user without a name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"[:128]
