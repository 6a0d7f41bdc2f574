"""A plain REST CRM to try mappings on: no real product, but every way in which real ones behave.

It can be written to in each of the ways that a mapping's ``once`` knows: by PUT under a reference
of ours, by POST with an idempotency key, by POST and looking by reference, by POST alone, or many
at once. Searching by phone lags behind what was written; lists do not, unless they are told to.

settings   the knobs              account   an account: all of the below
store      SQLite                 access    who may call, how much, and what was answered before
records    what is taken and kept, and how it is found
api        the routes             answers   what is answered
side_door  what people do in the CRM's own pages, and the state for tests
page       contacts and their timelines, for people
"""

from connector.sandbox.rest.account import Account
from connector.sandbox.rest.app import build_app
from connector.sandbox.rest.settings import Settings

__all__ = ["Account", "Settings", "build_app"]
