"""Records into an API: created in one way or another, changed by id, one or many at a time."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from adapters.rest.calls import Answer, Calls
from adapters.rest.finding import Finder
from adapters.rest.pointers import ABSENT, identity
from adapters.rest.sections import Section
from adapters.rest.steps import Batch, Step
from connector.crm import (
    CrmAccessError,
    CrmError,
    CrmRejectedError,
    Failed,
    InDoubt,
    Lookup,
    Outcome,
    Record,
    Rejected,
    Vanished,
    Written,
    send_in_batches,
    write_json,
)
from connector.crm.templates import Roots

_DIGEST: Final = 16
"""Hex digits of a body's hash in an idempotency key."""


class Writer:
    """Writes records of one kind. ``key`` is the field that carries our key, if there is one."""

    def __init__(self, calls: Calls, section: Section, finder: Finder, *, key: str | None) -> None:
        self._calls = calls
        self._section = section
        self._finder = finder
        self._key = key

    async def write(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """Create records that have no id, or change those that have; one outcome each, in order."""
        linked = records[0].crm_id is not None
        first, update = self._section.create[0], self._section.update
        never_changed = update is None and not self._section.replaced
        if linked and never_changed and len(self._section.create) == 1:
            return [Written(str(record.crm_id)) for record in records]
        step = update if linked and update is not None else first
        batch = None if linked and never_changed else step.batch
        if batch is not None:
            return await send_in_batches(
                records, batch.most, lambda some: self._write_many(step, batch, some)
            )
        return await send_in_batches(records, 1, self._write_one)

    def write_body(self, record: Record) -> bytes:
        """Return what creating a record sends first."""
        body = self._section.create[0].request.fill_body(self._roots(record))
        return b"" if body is None else write_json(body)

    async def _write_one(self, records: Sequence[Record]) -> Sequence[Outcome]:
        record = records[0]
        if record.crm_id is not None:
            return [await self._update(record, record.crm_id)]
        return [await self._create(record)]

    async def _create(self, record: Record) -> Outcome:
        roots = self._roots(record)
        first, *others = self._section.create
        content = None
        if self._section.once == "header":
            content = record.body if record.body is not None else self.write_body(record)
            digest = sha256(content).hexdigest()[:_DIGEST]
            roots["idempotency_key"] = f"{record.key}-{digest}"
        answer = await self._send(first, roots, content=content)
        if answer.meaning == "conflict_exists":
            return await self._adopt(first, record, answer)
        if (refused := self._judge(answer, first, linked=False)) is not None:
            return refused
        crm_id = self._take(first, answer, roots)
        for step in others:
            try:
                crm_id = await self._complete(step, roots, crm_id)
            except CrmError as error:
                return _incomplete(error)
        if crm_id is None:
            return self._without_id(answer, first)
        return Written(crm_id)

    async def _update(self, record: Record, crm_id: str) -> Outcome:
        """Change a record; one that may have been made without its later steps gets them now."""
        step = self._section.update or self._section.create[0]
        roots = self._roots(record)
        if self._section.update is not None or self._section.replaced:
            answer = await self._send(step, roots)
            if (refused := self._judge(answer, step, linked=True)) is not None:
                return refused
            crm_id = self._take(step, answer, roots) or crm_id
        if record.linked_crm_ids:
            roots["saved"] = self._remember(crm_id)
            for later in self._section.create[1:]:
                await self._complete(later, roots, crm_id)
        return Written(crm_id)

    async def _complete(self, step: Step, roots: Roots, crm_id: str | None) -> str | None:
        """Do one of the steps after the first. Raises ``CrmError`` if it is not done."""
        roots["crm_id"] = crm_id
        answer = await self._send(step, roots)
        if answer.meaning not in {"ok", "conflict_exists"}:
            raise answer.refusal(step.request)
        return crm_id or self._take(step, answer, roots)

    async def _send(self, step: Step, roots: Roots, *, content: bytes | None = None) -> Answer:
        return await self._calls.send(
            step.request,
            roots,
            call=f"{self._section.kind}.{step.request.verb}",
            wants_json=step.wants_answer,
            content=content or None,
        )

    def _judge(self, answer: Answer, step: Step, *, linked: bool) -> Outcome | None:
        """Return what became of a record that was not written; ``None`` if it was."""
        match answer.meaning:
            case "ok":
                return None
            case "gone" if linked or self._section.kind == "message":
                return Vanished()
            case "retry":
                refusal = answer.refusal(step.request)
                return Failed(refusal.code, str(refusal))
            case _ if answer.status == 409 and self._section.once == "header" and not linked:
                return Failed("409", "a request with this idempotency key is under way")
            case _:
                refusal = answer.refusal(step.request)
                return _reject(refusal)

    async def _adopt(self, step: Step, record: Record, answer: Answer) -> Outcome:
        """Make the record that is there already what this one was to become."""
        crm_id = None
        if step.conflict_id is not None:
            crm_id = identity(step.conflict_id.of(answer.payload))
        if crm_id is None and step.key_is_id:
            crm_id = record.key
        if crm_id is None:
            lookup = Lookup(key=record.key, contact_crm_id=_contact_of(record))
            crm_id = next(iter(await self._finder.find_by_key(lookup)), None)
        if crm_id is None:
            refusal = answer.refusal(step.request)
            return _reject(refusal)
        if self._section.update is None:
            return Written(crm_id)
        there = Record(record.key, record.fields, crm_id, contact_crm_id=_contact_of(record))
        return await self._update(there, crm_id)

    def _take(self, step: Step, answer: Answer, roots: Roots) -> str | None:
        """Return the id that an answer tells, and keep what later steps need."""
        for name, pointer in step.save.items():
            value = pointer.of(answer.payload)
            roots["saved"][name] = None if value is ABSENT else value
        if step.key_is_id:
            key: str = roots["key"]
            return key
        return None if step.id is None else identity(step.id.of(answer.payload))

    def _without_id(self, answer: Answer, step: Step) -> Outcome:
        """Say what a write is whose answer tells no id.

        Where it can be repeated nothing is lost, and repeating it would change nothing: the mapping
        is wrong. Elsewhere it has been applied, so that it is looked up.
        """
        detail = f"{step.request.name}: the answer holds no id"
        if self._section.once == "put":
            raise CrmAccessError(
                detail,
                reason="setup",
                status=answer.status,
                remedy="mend the pointer `id` in the mapping",
            )
        return InDoubt(detail)

    async def _write_many(
        self, step: Step, batch: Batch, records: Sequence[Record]
    ) -> Sequence[Outcome]:
        """Write records in one request. Raises ``CrmRejectedError`` where it is refused whole."""
        items = []
        for record in records:
            roots = self._roots(record)
            items.append(roots["fields"] if batch.item is None else batch.item(roots))
        answer = await self._send(step, {"records": items})
        linked = records[0].crm_id is not None
        if len(records) == 1 and answer.meaning == "conflict_exists" and not linked:
            return [await self._adopt(step, records[0], answer)]
        if answer.meaning == "retry":
            refusal = answer.refusal(step.request)
            return [Failed(refusal.code, str(refusal))] * len(records)
        if answer.meaning != "ok":
            if len(records) > 1:
                raise answer.refusal(step.request)
            return [self._judge(answer, step, linked=linked) or InDoubt("no answer")]
        results = batch.results.items(answer.payload) or []
        if batch.key is not None:
            return [self._one_of(batch, record, results) for record in records]
        if len(results) != len(records):
            return [InDoubt("the answer tells of another number of records")] * len(records)
        return [
            self._result(batch, record, result)
            for record, result in zip(records, results, strict=True)
        ]

    def _one_of(self, batch: Batch, record: Record, results: Sequence[Any]) -> Outcome:
        pointer = batch.key
        for result in results:
            if pointer is not None and pointer.of(result) == record.key:
                return self._result(batch, record, result)
        return InDoubt("the answer does not mention this record")

    def _result(self, batch: Batch, record: Record, result: Any) -> Outcome:
        code = None if batch.code is None else batch.code.of(result)
        if batch.code is not None and code != batch.ok:
            word = code if isinstance(code, str) and code.replace("_", "").isalnum() else "refused"
            return Rejected(word, f"the CRM says of this record: {word}")
        crm_id = identity(batch.id.of(result)) or record.crm_id
        return InDoubt("the answer holds no id") if crm_id is None else Written(crm_id)

    def _remember(self, crm_id: str) -> dict[str, Any]:
        """Return what the first step saved, where that was the id."""
        first = self._section.create[0]
        at = None if first.id is None else first.id.text
        return {name: crm_id for name, pointer in first.save.items() if pointer.text == at}

    def _roots(self, record: Record) -> Roots:
        fields: dict[str, Any] = dict(record.fields)
        if self._key is not None:
            fields[self._key] = record.key
        return {
            "key": record.key,
            "crm_id": record.crm_id,
            "fields": fields,
            "contact": {"crm_id": _contact_of(record)},
            "saved": {},
            "idempotency_key": None,
            "records": None,
        }


def _contact_of(record: Record) -> str | None:
    return record.contact_crm_id or record.linked_crm_ids.get("contact")


def _reject(refusal: CrmRejectedError) -> Rejected:
    return Rejected(refusal.code, str(refusal), refusal.field, refusal.status, refusal.said)


def _incomplete(error: CrmError) -> InDoubt:
    """Say that a record is there and not whole: it is found, and what it lacks is done then."""
    cause = None if isinstance(error, CrmRejectedError) else error
    return InDoubt(f"made, but a later step failed: {error}", cause)
