"""What a file is by its first bytes, whatever its sender called it: one of a few extensions."""

from typing import Final

_AT_START: Final = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"OggS", "ogg"),
    (b"%PDF-", "pdf"),
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
    (b"\xff\xf3", "mp3"),
    (b"#!AMR", "amr"),
    (b"\xff\xf1", "aac"),
    (b"\xff\xf9", "aac"),
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0", "ole"),
)
_BRANDS: Final = {b"M4A ": "m4a", b"3gp4": "3gp", b"3gp5": "3gp", b"qt  ": "mov"}


def extension_of(head: bytes) -> str:
    """Return an extension for a file that begins like this; ``bin`` where nothing is known."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "mp4")
    return next((word for start, word in _AT_START if head.startswith(start)), "bin")
