"""The way to the API: a filled request out, an answer with its meaning back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx

from adapters.rest.paging import Paging
from adapters.rest.plan import Plan
from adapters.rest.pointers import Pointer
from adapters.rest.requests import Request
from adapters.rest.rules import Meaning, Rule, complaint, find_rule, meaning_of_status, sentence
from connector.crm import (
    CrmAccessError,
    CrmClient,
    CrmError,
    CrmRejectedError,
    CrmThrottledError,
    CrmUnavailableError,
    payload,
)
from connector.crm.templates import Roots

_MOST_PAGES: Final = 100
"""Pages of one look-up; one with more does not ask what it should."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said, and what that means by the mapping's rules."""

    response: httpx.Response
    meaning: Meaning
    rule: Rule | None

    @property
    def payload(self) -> Any:
        """The parsed body, ``None`` where there is none."""
        return payload(self.response)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    def refusal(self, request: Request) -> CrmRejectedError:
        """Return the error that says the API does not take this request."""
        code, name = complaint(self.response, self.rule)
        at = f" at {name}" if name else ""
        word = "" if code == str(self.status) else f" {code}"
        return CrmRejectedError(
            f"{request.name}: the CRM answered {self.status}{word}{at}",
            code=code,
            status=self.status,
            field=name,
            said=sentence(self.response),
        )


class Calls:
    """Sends a mapping's requests."""

    def __init__(self, client: CrmClient, plan: Plan) -> None:
        self._client = client
        self._plan = plan
        client.classify = self._classify

    async def send(
        self,
        request: Request,
        roots: Roots,
        *,
        call: str,
        wants_json: bool = True,
        content: bytes | None = None,
        address: str | None = None,
        more: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request filled from ``roots``, and return the answer if it judges the request.

        ``content`` takes the place of its body, ``address`` of its path and query; ``more`` are
        query parameters beside its own.
        """
        filled = request.fill(roots)
        params: dict[str, Any] | None = {**(filled.params or {}), **(more or {})} or None
        response = await self._client.request(
            filled.method,
            filled.path if address is None else address,
            call=call,
            json=filled.body,
            content=content,
            params=None if address is not None else params,
            headers=filled.headers,
            draws=self._plan.pace.draws(request.verb),
            writes=request.writes,
            wants_json=wants_json,
        )
        rule = find_rule(self._plan.rules, response)
        meaning = rule.meaning if rule else meaning_of_status(response.status_code)
        return Answer(response, meaning, rule)

    async def pages(
        self, request: Request, roots: Roots, *, records: Pointer, paging: Paging, call: str
    ) -> AsyncIterator[list[Any]]:
        """Yield the records of each page that a search leads to."""
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            found, cursor = await self.page(
                request, roots, cursor, records=records, paging=paging, call=call
            )
            yield found
            if cursor is None:
                return
        raise CrmAccessError(
            f"{request.name} leads to more than {_MOST_PAGES} pages",
            reason="setup",
            remedy="see that the CRM knows what the request filters by",
        )

    async def page(
        self,
        request: Request,
        roots: Roots,
        cursor: str | None,
        *,
        records: Pointer,
        paging: Paging,
        call: str,
    ) -> tuple[list[Any], str | None]:
        """Return the records of one page, and the cursor of the next."""
        answer = await self.send(
            request,
            {**roots, "page": paging.roots(cursor)},
            call=call,
            address=paging.address(cursor),
            more=dict(paging.params(cursor)),
        )
        found = _records_in(answer, request, records)
        following = paging.next(
            answer.response,
            cursor,
            len(found),
            below=self._client.address,
            without=self._plan.auth.secret_parameter,
        )
        return found, following

    def _classify(
        self,
        response: httpx.Response,
        writes: bool,  # noqa: FBT001 - the client's order
    ) -> CrmError | httpx.Response | None:
        """Raise or return what a rule is about; the client's own classes are for the rest."""
        rule = find_rule(self._plan.rules, response)
        if rule is None:
            return None
        status = response.status_code
        match rule.meaning:
            case "rate_limited":
                return CrmThrottledError(
                    "the CRM says: too many requests",
                    cooldown=rule.wait.told_by(response),
                    status=status,
                )
            case "auth":
                code, _ = complaint(response, rule)
                return CrmAccessError(
                    f"the CRM does not serve these credentials ({code})",
                    status=status,
                    remedy="see the token and its permissions; it is read again at the next probe",
                )
            case "stop_all":
                return CrmUnavailableError(
                    "the CRM wants to be left alone",
                    status=status,
                    cooldown=rule.wait.told_by(response),
                )
            case "retry" if not writes:
                return CrmUnavailableError(
                    f"the CRM answered {status}, which passes", status=status
                )
            case _:
                return response


def _records_in(answer: Answer, request: Request, records: Pointer) -> list[Any]:
    """Return the records in an answer to a search.

    Raises ``CrmAccessError`` where the answer has another form than the mapping says: taken for an
    empty list it would double what it failed to find.
    """
    if answer.meaning == "gone" or (answer.meaning == "ok" and not answer.response.content):
        return []
    if answer.meaning != "ok":
        raise refused_question(answer, request)
    found = records.items(answer.payload)
    if found is None:
        raise CrmAccessError(
            f"{request.name}: the answer has nothing at {records.text!r}",
            reason="setup",
            status=answer.status,
            remedy="mend the pointer `records` in the mapping",
        )
    return found


def refused_question(answer: Answer, request: Request) -> CrmAccessError:
    """Return what to raise where the API refuses a question: no record's fault, so it pauses."""
    return CrmAccessError(
        str(answer.refusal(request)),
        reason="setup",
        status=answer.status,
        remedy="mend the request in the mapping",
    )
