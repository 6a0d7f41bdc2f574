"""Whether WhatsApp signed a body: HMAC-SHA256 over the raw bytes, keyed by the app secret."""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

Verdict = Literal["valid", "missing", "wrong"]


def judge_signature(header: bytes | None, body: bytes, secrets: Sequence[bytes]) -> Verdict:
    """Return what the value of ``X-Hub-Signature-256`` is worth for exactly these bytes.

    It must be what WhatsApp would write, to the letter: ``sha256=`` and 64 digits in lower case.
    Every secret is tried, also after one fitted, and compared in constant time: how long it takes
    tells nothing about which secret is in use. Without any secret nothing is valid.
    """
    if header is None:
        return "missing"
    fits = False
    for secret in secrets:
        fits = hmac.compare_digest(sign(body, secret), header) or fits
    return "valid" if fits else "wrong"


def sign(body: bytes, secret: bytes) -> bytes:
    """Return the header's value for a body, as WhatsApp makes it."""
    return b"sha256=" + hmac.digest(secret, body, sha256).hex().encode("ascii")
