"""A sandbox Graph API: apps, WhatsApp Business accounts, numbers and tokens, as Meta shows them.

It answers what an integration asks before it goes live: what a token is good for, which app hears
an account, where an app is called and with which fields, and how a number is. Every one of them
can be set wrong, as it is wrong in real life.
"""

from connector.sandbox.graph.app import build_app
from connector.sandbox.graph.world import (
    MANAGEMENT,
    MESSAGING,
    Account,
    App,
    Number,
    Subscription,
    Token,
    World,
)

__all__ = [
    "MANAGEMENT",
    "MESSAGING",
    "Account",
    "App",
    "Number",
    "Subscription",
    "Token",
    "World",
    "build_app",
]
