"""A REST CRM that is searched page by page, and written to in steps: mapping and answers."""

from typing import Final

import httpx

SEARCHED: Final = """
[auth]
kind = "none"
[limits]
rate = { requests = 100000, per = "1s" }
[ping]
path = "/me"
[[errors]]
status = 409
class = "conflict_exists"
[[errors]]
pointer = "/error"
matches = "limit|quota"
class = "rate_limited"
wait_pointer = "/wait"
[[errors]]
header = "Retry-After"
status = 400
class = "rate_limited"
wait_header = "Retry-After"
[contact]
object = "people"
key = "ref"
once = "lookup"
match = ["phone"]
[contact.fields]
name = "{{ contact.display_name }}"
[[contact.find]]
path = "/people"
query = { phone = "{{ phone.e164 }}" }
records = "/items"
id = "/id"
phones = ["/phone"]
paging = { kind = "next_url", pointer = "/next" }
[contact.lookup]
path = "/people"
query = { ref = "{{ key }}" }
records = "/items"
id = "/id"
marker = ""
strong = true
[contact.create]
path = "/people"
body = "{{ fields }}"
id = "/id"
conflict_id = "/existing/0"
[contact.update]
path = "/people/{{ crm_id }}"
body = "{{ fields }}"
[contact.read]
path = "/people/{{ crm_id }}"
[contact.delete]
path = "/people/{{ crm_id }}"
[contact.list]
path = "/people"
records = "/items"
id = "/id"
changed = "/at"
paging = { kind = "cursor", name = "after", pointer = "/next" }
[message]
object = "notes"
once = "lookup"
[message.fields]
text = "{{ message.text }} [{{ message.key }}]"
[message.lookup]
path = "/people/{{ contact.crm_id }}/notes"
records = "/items"
id = "/id"
marker = "/text"
strong = true
[[message.create]]
path = "/notes"
body = "{{ fields }}"
id = "/id"
save = { note = "/id" }
[[message.create]]
method = "PUT"
path = "/people/{{ contact.crm_id }}/notes/{{ saved.note }}"
"""
"""A mapping that searches, follows pages, and writes in steps."""


def serve_searched(request: httpx.Request) -> httpx.Response:
    """Answer as if there were one person."""
    person = {
        "id": 1,
        "phone": "+5511987654321",
        "ref": "wc_1",
        "name": "Ana",
        "at": "2026-11-24T10:00:00Z",
        "more": {"tags": ["a", {"b": "c"}], "text": "Olá [wm_0]"},
    }
    if request.method == "GET" and request.url.path == "/people":
        later = request.url.params.get("after") or request.url.params.get("at")
        following = None if later else "http://localhost:1/people?at=2"
        return httpx.Response(200, json={"items": [person, person], "next": following})
    return httpx.Response(200, json=person)
