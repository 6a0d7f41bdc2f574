"""The page for people: the persons of the company and their timelines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from connector.sandbox.people import Entry, Person
from connector.sandbox.pipedrive import fields
from connector.sandbox.pipedrive.company import Company
from connector.sandbox.pipedrive.sanitised import sanitise_note
from connector.sandbox.pipedrive.store import Position, Query, Stored


class Persons:
    """The persons of a company, as the page asks for them."""

    title = "Sandbox Pipedrive"
    noun = "person"
    fields = "Fields"

    def __init__(self, company: Company) -> None:
        self._company = company

    def about(self) -> Sequence[str]:
        """Return which company it is, and how many of the day's tokens are used."""
        settings, tokens = self._company.settings, self._company.quota.tokens_today
        return [settings.company_name, f"{tokens} of {settings.daily_tokens} tokens used today"]

    def counts(self) -> Mapping[str, int]:
        """Return how many records there are, by kind."""
        counts = self._company.store.counts()
        return {kind: number for kind, number in counts.items() if "_" not in kind}

    def people(self, after: int, limit: int) -> Sequence[Stored]:
        """Return persons after an id."""
        start = Query(start=Position(after + 1, after + 1))
        return self._company.store.live("persons", start, limit)

    def show(self, person: Stored) -> Person:
        """Return a person with activities and notes."""
        labels = {
            record.body["field_code"]: record.body["field_name"]
            for record in fields.definitions(self._company)
        }
        customs = person.body["custom_fields"]
        timeline = [
            *(self._activity(each) for each in self._of("activities", person)),
            *(self._note(each) for each in self._of("notes", person)),
        ]
        deals = len(self._of("deals", person))
        return Person(
            id=person.id,
            name=person.body["name"],
            phone=", ".join(each["value"] for each in person.body["phones"]),
            fields=[(labels[code], v) for code, v in customs.items() if v and code in labels],
            timeline=timeline,
            total=len(timeline),
            linked={"deal": deals} if deals else {},
        )

    def _of(self, kind: str, person: Stored) -> list[Stored]:
        return self._company.store.live(kind, Query(person=person.id))

    def _activity(self, activity: Stored) -> Entry:
        body = activity.body
        moment = float(activity.added)
        if activity.due:
            due = f"{activity.due}T{body.get('due_time') or '00:00:00'}+00:00"
            moment = datetime.fromisoformat(due).timestamp()
        what = f"{body['type']} · {body['subject']}"
        return self._entry(activity, moment, what, body.get("note"))

    def _note(self, note: Stored) -> Entry:
        return self._entry(note, float(note.added), "note", note.body["content"])

    def _entry(self, record: Stored, moment: float, what: str, html: str | None) -> Entry:
        zone = ZoneInfo(self._company.settings.time_zone)
        return Entry(
            id=record.id,
            moment=moment,
            at=datetime.fromtimestamp(moment, zone).strftime("%d/%m/%Y %H:%M"),
            what=what,
            body=Markup(sanitise_note(html or "")),  # noqa: S704 - sanitised here
        )
