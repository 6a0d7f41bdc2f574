"""Questions to Meta's Graph API, and its refusals fit to be shown."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from connector.config.models import Config
from connector.config.secret import Secret
from connector.runtime.logs import HIDDEN, masked

_TIMEOUT: Final = 10.0
_VERSION: Final = "facebook-api-version"
_REFUSED_TOKEN: Final = frozenset({0, 190})
"""The codes that speak of the token itself; Meta says to go by them, not by the status."""


class GraphError(Exception):
    """Meta refused, or can not be reached. The text holds neither a person nor a secret."""

    def __init__(self, text: str, *, code: int | None = None, answered: bool = True) -> None:
        super().__init__(text)
        self.code = code
        self.answered = answered

    @property
    def refuses_token(self) -> bool:
        """Whether the token is at fault: it has ended, was revoked, or never was one."""
        return self.code in _REFUSED_TOKEN


class GraphCalls:
    """Asks the Graph API that ``[whatsapp]`` names, with its access token; a context manager."""

    def __init__(self, config: Config, token: Secret) -> None:
        whatsapp = config.whatsapp
        self._token = token.reveal()
        self._secrets = [self._token, *(each.reveal() for each in whatsapp.app_secrets)]
        self.served: str | None = None
        """The version that Meta last answered as, if it said so."""
        self._client = httpx.AsyncClient(
            base_url=f"{whatsapp.graph_url}/{whatsapp.graph_version}",
            timeout=_TIMEOUT,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Open it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def inspect_token(self) -> Mapping[str, Any]:
        """Return what Meta says of our own access token.

        ``debug_token`` takes the token it is about in the query only, so it stands in an address
        there; nothing here writes addresses down.
        """
        answer = await self.get("/debug_token", input_token=self._token)
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    async def get(
        self, path: str, *, app: tuple[str, Secret] | None = None, **params: str
    ) -> dict[str, Any]:
        """Return an answer's object; ``app`` asks as an app, by its id and secret.

        Raises ``GraphError``.
        """
        token = self._token if app is None else f"{app[0]}|{app[1].reveal()}"
        try:
            response = await self._client.get(
                path, params=params, headers={"Authorization": f"Bearer {token}"}
            )
            answer = response.json()
        except httpx.HTTPError as error:
            words = f"Meta can not be reached: {type(error).__name__}"
            raise GraphError(words, answered=False) from None
        except ValueError:
            raise GraphError(f"Meta answered {response.status_code} and no JSON") from None
        if response.is_success and isinstance(answer, dict):
            self.served = response.headers.get(_VERSION, self.served)
            return answer
        told = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(told, dict):
            raise GraphError(f"Meta answered {response.status_code}: no words")
        code = told.get("code")
        raise GraphError(
            f"Meta answered {response.status_code}: {self.shown(told.get('message'))}",
            code=code if isinstance(code, int) else None,
        )

    def shown(self, words: object) -> str:
        """Return Meta's words without people, and without our secrets, which it may repeat."""
        text = str(words or "no words")
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return str(masked(text))
