"""A REST destination's settings; what its mapping says of the API is part of them once read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Self

import httpx
from pydantic import PrivateAttr, field_validator
from pydantic_core import PydanticCustomError

from adapters.rest.limits import Pace
from adapters.rest.plan import Plan, read_plan
from connector.crm import (
    AdapterSettings,
    Budgets,
    Clock,
    OnRotated,
    Rate,
    Secret,
)


class RestSettings(AdapterSettings):
    """One account of any CRM with a REST API; its mapping file describes the API."""

    needs_refresh_token: ClassVar[bool] = False
    default_rate: ClassVar[Rate] = Rate(requests=10, per=timedelta(seconds=1))

    _plan: Plan | None = PrivateAttr(default=None)

    @field_validator("mapping")
    @classmethod
    def _want_mapping(cls, mapping: str | None) -> str | None:
        if mapping is None:
            raise _missing('a mapping file, or one that is shipped, such as "rest/kinto"')
        return mapping

    @field_validator("base_url")
    @classmethod
    def _want_base_url(cls, base_url: str | Secret | None) -> str | Secret | None:
        if base_url is None:
            raise _missing("the address of the API, such as https://crm.example.com")
        return base_url

    @property
    def plan(self) -> Plan | None:
        """What the mapping says of the API, once ``complete`` has read it."""
        return self._plan

    def complete(self, requests: Mapping[str, Any]) -> Self:
        """Return these settings with the API that a mapping describes."""
        completed = self.model_copy()
        completed._plan = read_plan(requests, self)  # noqa: SLF001 - its own, of another instance
        return completed

    @property
    def allowed_rate(self) -> Rate:
        """Return the destination's own rate, else the mapping's, else a modest one."""
        return self.rate or self._pace.rate or self.default_rate

    def auth(
        self,
        *,
        clock: Clock,
        rotated: str | None = None,
        on_rotated: OnRotated | None = None,
    ) -> httpx.Auth | None:
        """Return what signs requests, as the mapping's ``[auth]`` says."""
        if self._plan is None:
            return None
        return self._plan.auth.make(
            self, clock=clock, token_url=self._token_url, rotated=rotated, on_rotated=on_rotated
        )

    def budgets(self, *, clock: Clock, used: Mapping[str, float] | None = None) -> Budgets:
        """Return the budgets: ``burst`` by the rate, ``daily`` in tokens."""
        return Budgets(
            {"burst": self.allowed_rate},
            clock=clock,
            daily={"daily": self.daily_tokens or self._pace.daily},
            used=used,
        )

    def observe(self, response: httpx.Response, budgets: Budgets) -> None:
        """Lower the budgets by the headers that the mapping names."""
        self._pace.observe(response, budgets)

    @property
    def _pace(self) -> Pace:
        return Pace() if self._plan is None else self._plan.pace


def _missing(expected: str) -> PydanticCustomError:
    found = {"message": "is required", "key": (), "expected": expected, "nearest": None}
    return PydanticCustomError("config", "{message}", found)
