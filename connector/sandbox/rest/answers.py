"""What a sandbox REST CRM answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; a body of ``None`` is none at all."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_response(self) -> Response:
        """Return it as it is sent."""
        if self.body is None:
            return Response(status_code=self.status, headers=dict(self.headers))
        return JSONResponse(self.body, self.status, dict(self.headers))


class RefusalError(Exception):
    """A call is refused; nothing of it is kept."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


def refusal(status: int, code: str, **more: Any) -> RefusalError:
    """Return a refusal with the CRM's word for it; ``existing_id`` stands beside the error."""
    existing = {"existing_id": more.pop("existing_id")} if "existing_id" in more else {}
    return RefusalError(Answer(status, {"error": {"code": code, **more}, **existing}))
