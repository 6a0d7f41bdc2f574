"""What the Graph API says when it says no: one shape, told apart by ``code``."""

from typing import Any

from starlette.responses import JSONResponse, Response


class RefusalError(Exception):
    """A call is refused, in Meta's words."""

    def __init__(self, status: int, code: int, message: str, *, subcode: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {
            "message": message,
            "type": "OAuthException",
            "code": code,
            "fbtrace_id": "AsandboxTraceOfNobody",
        }
        if subcode is not None:
            self.error["error_subcode"] = subcode

    def to_response(self) -> Response:
        """Return it as it is sent."""
        return JSONResponse({"error": self.error}, self.status)


def unknown_object(object_id: str) -> RefusalError:
    """Return what is said of an object that is not there, or not for this token."""
    return RefusalError(
        400,
        100,
        f"Unsupported get request. Object with ID '{object_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation",
        subcode=33,
    )


def missing_permission(scope: str) -> RefusalError:
    """Return what is said to a token without a permission."""
    return RefusalError(403, 200, f"(#200) Requires {scope} permission to manage the object")


class GraphRefusals:
    """Meta's wording of what the wire says in its name."""

    def throttled(self, policy: str | None, retry_after: int | None) -> Response:
        """Return its refusal of one call too many, which is no 429."""
        del policy, retry_after
        return RefusalError(
            400, 80007, "(#80007) There have been too many calls to this account"
        ).to_response()

    def unauthorized(self, category: str | None) -> Response:
        """Return its 401."""
        words = category or "Error validating access token: The session is invalid"
        return RefusalError(401, 190, words).to_response()

    def failed(self, status: int) -> Response:
        """Return its 5xx."""
        return RefusalError(status, 2, "An unexpected error has occurred").to_response()
