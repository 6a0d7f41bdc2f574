"""The named places at which campaigns kill and pause, by what a host does."""

from typing import Final

RECEIVING: Final = (
    "receive.before_signature",
    "receive.after_signature",
    "receive.queued",
    "receive.before_commit",
    "receive.after_commit",
    "receive.before_reply",
)
WORKING: Final = (
    "record.begun",
    "record.after_people",
    "record.before_commit",
    "record.after_commit",
    "lease.claimed",
    "lease.before_renewal",
    "takeover.before_commit",
    "claim.read",
    "begin.before_commit",
    "begin.after_commit",
    "send.before_write",
    "send.after_headers",
    "send.after_body",
    "answer.after_status",
    "answer.after_body",
    "settle.before_commit",
    "settle.after_commit",
    "verify.before_read",
    "verify.after_read",
    "verify.before_commit",
    "rest.before_commit",
    "standing.before_commit",
)
