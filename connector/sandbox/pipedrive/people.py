"""Who uses the company's Pipedrive, and the types of activities they may choose from."""

import re
from typing import Any, Final

from connector.sandbox.pipedrive import inputs
from connector.sandbox.pipedrive.answers import Answer, bad_request, found
from connector.sandbox.pipedrive.company import USERS, Company
from connector.sandbox.pipedrive.inputs import Json, read_object

_ICONS: Final = (
    *("task", "email", "meeting", "deadline", "call", "lunch", "calendar", "downarrow"),
    *("document", "smartphone", "camera", "scissors", "cogs", "bubble", "uparrow", "checkbox"),
    *("signpost", "shuffle", "addressbook", "linegraph", "picture", "car", "world", "search"),
    *("clip", "sound", "brush", "key", "padlock", "pricetag", "suitcase", "finish", "plane"),
    *("loop", "wifi", "truck", "cart", "bulb", "bell", "presentation"),
)


def show_me(company: Company) -> Answer:
    """Return the user behind the token, and the company."""
    settings = company.settings
    return found(
        {
            **_show_user(USERS[0]),
            "is_you": True,
            "default_currency": settings.currency,
            "timezone_name": settings.time_zone,
            "company_id": settings.company_id,
            "company_name": settings.company_name,
            "company_domain": settings.company_domain,
            "company_country": "BR",
            "language": {"language_code": "pt", "country_code": "BR"},
        }
    )


def list_users() -> Answer:
    """Return every user."""
    return found([_show_user(user) for user in USERS])


def list_activity_types(company: Company) -> Answer:
    """Return every type of activity."""
    return found(company.activity_types())


def create_activity_type(company: Company, body: Any) -> Answer:
    """Define a type; its key comes from the name."""
    read = read_object(
        body,
        {
            "name": inputs.text(empty=False),
            "icon_key": inputs.one_of(_ICONS),
            "color": inputs.text(6),
        },
    )
    for name in ("name", "icon_key"):
        if not read.get(name):
            raise bad_request(f"Validation failed: {name} is required")
    key = re.sub(r"[^a-z0-9]+", "_", read["name"].lower()).strip("_")
    if any(each["key_string"] == key for each in company.activity_types()):
        raise bad_request("Activity type with this name already exists")
    return found(company.add_activity_type(key, read["name"], read["icon_key"]))


def _show_user(user: Json) -> Json:
    admin = user["admin"]
    return {
        "id": user["id"],
        "name": user["name"],
        "email": user["email"],
        "activated": True,
        "active_flag": True,
        "access": [{"app": app, "admin": admin} for app in ("sales", "global")],
        "is_deleted": False,
    }
