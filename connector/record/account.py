"""What WhatsApp says of our accounts, numbers and templates.

Each of these fields is one element: the value of its change. What endangers sending or receiving
is told apart from what is only good to know.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from connector.model.events import NoticeEvent, NoticeLevel
from connector.record.change import Change, digits
from connector.record.payload import block, data, identifier, read_error, some_words, vocabulary

_LONGEST_DETAILS: Final = 4000

_LEVELS: Final[Mapping[tuple[str, str], NoticeLevel]] = {
    ("account_update", "DISABLED_UPDATE"): "danger",
    ("account_update", "ACCOUNT_RESTRICTION"): "danger",
    ("account_update", "ACCOUNT_DELETED"): "danger",
    ("account_update", "PARTNER_REMOVED"): "danger",
    ("account_update", "ACCOUNT_OFFBOARDED"): "danger",
    ("account_update", "ACCOUNT_VIOLATION"): "warning",
    ("account_review_update", "REJECTED"): "danger",
    ("account_alerts", "CRITICAL"): "danger",
    ("account_alerts", "WARNING"): "warning",
    ("phone_number_quality_update", "FLAGGED"): "warning",
    ("phone_number_quality_update", "DOWNGRADE"): "warning",
    ("phone_number_name_update", "REJECTED"): "warning",
    ("message_template_quality_update", "RED"): "warning",
    ("message_template_status_update", "REJECTED"): "warning",
    ("message_template_status_update", "PAUSED"): "warning",
    ("message_template_status_update", "DISABLED"): "warning",
    ("message_template_status_update", "FLAGGED"): "warning",
    ("message_template_status_update", "LOCKED"): "warning",
    ("message_template_status_update", "LIMIT_EXCEEDED"): "warning",
    ("message_template_status_update", "PENDING_DELETION"): "warning",
    ("security", "PIN_CHANGED"): "warning",
    ("security", "PIN_RESET_REQUEST"): "warning",
    ("business_username_updates", "deleted"): "warning",
    ("business_username_update", "deleted"): "warning",
}
"""What asks for somebody's attention; anything else is ``info``."""

_WORDS: Final = (
    "event",
    "decision",
    "alert_severity",
    "status",
    "new_quality_score",
    "new_category",
    "correct_category",
)
"""Where the word stands that says what happened, the first that is there."""


def _read_notice(change: Change) -> None:
    value = change.value
    word = next((said for name in _WORDS if (said := vocabulary(value.get(name)))), "changed")
    waba_id = identifier(block(value.get("waba_info")).get("waba_id")) or change.waba_id
    level = _LEVELS.get((change.field, word), "info")
    if block(value.get("ban_info")).get("waba_ban_state") == "REINSTATE":
        level = "info"
    change.parsed.notices.append(
        NoticeEvent(
            field=change.field,
            subject=_subject(value) or waba_id or "",
            word=word,
            level=level,
            at=change.at,
            waba_id=waba_id,
            details=_details(value),
        )
    )


def _subject(value: Mapping[str, Any]) -> str | None:
    """Return the template or the number of ours that a notice is about."""
    template = some_words(value.get("message_template_name"))
    if template is not None:
        language = some_words(value.get("message_template_language"))
        return f"{template}/{language}"[:100] if language else template[:100]
    return digits(value.get("display_phone_number")) or digits(value.get("phone_number"))


def _details(value: Mapping[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = data(value)
    return cleaned if len(json.dumps(cleaned)) <= _LONGEST_DETAILS else {}


def read_value_error(change: Change, error: Mapping[str, Any]) -> None:
    """Read an error that stands beside the messages and belongs to none of them."""
    found = read_error(error)
    change.parsed.notices.append(
        NoticeEvent(
            field=change.field,
            subject=change.our_phone or change.waba_id or "",
            word=f"error_{found.get('code', 'unknown')}",
            level="warning",
            at=change.at,
            phone_number_id=change.phone_number_id,
            details=found,
        )
    )


ACCOUNT_FIELDS: Final[Mapping[str, Callable[[Change], None]]] = dict.fromkeys(
    (
        "account_alerts",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "business_capability_update",
        "business_username_update",
        "business_username_updates",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "partner_solutions",
        "payment_configuration_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "template_category_update",
        "template_correct_category_detection",
    ),
    _read_notice,
)
"""How each account field is read."""
