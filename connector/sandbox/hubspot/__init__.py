"""A HubSpot account to develop against: the dated API 2026-09, strictly, kept in SQLite.

It refuses what the specification does not allow even where HubSpot itself is lenient, answers
batches in any order, lets searches lag, limits rates as HubSpot does, and merges as HubSpot does.
What is not documented there is decided by a setting where both answers are plausible.

settings      the knobs              portal        an account: all of the below
object_types  records and links      built_in      the properties every portal has
values        what a property takes  definitions   the properties this portal has
store         SQLite                 access, quota who may call, how much
inputs        strict reading         refusals      the error bodies
writing       drafts become records  records, associations, search, merging, properties, account:
api           the routes             the calls
control       the side door          side_door     what people do in HubSpot's own pages
page          contacts and timelines, for people
"""

from connector.sandbox.hubspot.app import build_app
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.settings import Settings

__all__ = ["Portal", "Settings", "build_app"]
