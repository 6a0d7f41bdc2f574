"""Whether WhatsApp signed a body: HMAC-SHA256 over the raw bytes, keyed by the app secret."""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Literal

_FORM: Final = re.compile(rb"sha256=[0-9a-f]{64}")

Verdict = Literal["valid", "missing", "wrong"]


def judge_signature(header: bytes | None, body: bytes, secrets: Sequence[bytes]) -> Verdict:
    """Return what the value of ``X-Hub-Signature-256`` is worth for exactly these bytes.

    Every secret is tried, also after one fitted, and compared in constant time: how long it takes
    tells nothing about which secret is in use. Without any secret nothing is valid.
    """
    if header is None:
        return "missing"
    if _FORM.fullmatch(header) is None:
        return "wrong"
    given = header[7:]
    fits = False
    for secret in secrets:
        made = hmac.digest(secret, body, sha256).hex().encode("ascii")
        fits = hmac.compare_digest(made, given) or fits
    return "valid" if fits else "wrong"


def sign(body: bytes, secret: bytes) -> bytes:
    """Return the header's value for a body, as WhatsApp makes it."""
    return b"sha256=" + hmac.digest(secret, body, sha256).hex().encode("ascii")
