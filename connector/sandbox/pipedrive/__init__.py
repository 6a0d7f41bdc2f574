"""A Pipedrive company to develop against: v2, and v1 for what has no v2, kept in SQLite.

It refuses what the specification does not allow. Nothing about a person is unique, the same create
twice makes two, searches lag while lists do not, lists know nothing of what was deleted or merged,
every call costs tokens of a daily budget, and an API token that goes on calling after many 429s
meets an HTML page. What nobody documents is decided by a setting.

settings     the knobs               company   an account: all of the below
store        SQLite                  access, quota    who may call, how much
inputs       strict reading          answers   bodies, those that refuse too
fields, persons, activities, notes, deals, people     what there is
listing, search, merging             how it is found and joined
api          the routes, with what each costs
side_door    what people do in Pipedrive's own pages, and the state for tests
page         persons and timelines, for people
"""

from connector.sandbox.pipedrive.app import build_app
from connector.sandbox.pipedrive.company import Company
from connector.sandbox.pipedrive.settings import Settings

__all__ = ["Company", "Settings", "build_app"]
