"""What every adapter's settings share: where, as whom, how fast; and how answers tell of limits."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Self

import httpx

from connector.clock import Clock
from connector.config.addresses import check_url
from connector.config.models import DestinationSettings
from connector.config.secret import reveal
from connector.config.units import Rate
from connector.crm.budget import Budgets
from connector.crm.oauth import BearerToken, OAuth2, OnRotated
from connector.crm.waits import retry_after
from connector.errors import ConfigError, CrmAccessError, Problem


class AdapterSettings(DestinationSettings):
    """One CRM account, with an adapter's defaults. An adapter subclasses this.

    The methods are what the client asks of the adapter's knowledge of its CRM; what stands here is
    right for a CRM that behaves like most.
    """

    default_base_url: ClassVar[str | None] = None
    default_rate: ClassVar[Rate] = Rate(requests=10, per=timedelta(seconds=1))
    default_batch_wait: ClassVar[timedelta] = timedelta(seconds=2)
    token_path: ClassVar[str | None] = None
    """Where access tokens are fetched, below the base URL, unless ``oauth.token_url`` says."""
    default_token_url: ClassVar[str | None] = None
    """The same as a whole address, where it is not below the base URL."""
    client_in_header: ClassVar[bool] = False
    """Whether the OAuth client says who it is by Basic authorization instead of in the form."""
    base_url_key: ClassVar[str | None] = None
    """Where an answer with an access token tells the base URL of the account."""

    def complete(self, requests: Mapping[str, Any]) -> Self:
        """Return these settings with what a mapping file says of the CRM beside its fields.

        ``requests`` is what the mapping language leaves to the adapter. Raises ``ConfigError``.
        """
        del requests
        return self

    @property
    def endpoint(self) -> str:
        """Return the address of the CRM's API, without a slash at its end.

        It is read and checked now, since in some CRMs the address itself is a secret that may be
        replaced. Raises ``ConfigError``, which does not repeat it.
        """
        url = self.default_base_url if self.base_url is None else reveal(self.base_url)
        if url is None:
            raise _missing("base_url")
        return self._check(url, "base_url")

    @property
    def allowed_rate(self) -> Rate:
        """Return how many requests may be made over any window of that length."""
        return self.rate or self.default_rate

    @property
    def company_wait(self) -> timedelta:
        """Return how long a change may wait for company."""
        return self.default_batch_wait if self.batch_wait is None else self.batch_wait

    def auth(
        self,
        *,
        clock: Clock,
        rotated: str | None = None,
        on_rotated: OnRotated | None = None,
    ) -> httpx.Auth | None:
        """Return what signs requests. ``rotated`` is the refresh token that was kept last."""
        oauth = self.oauth
        if oauth is not None:
            return OAuth2(
                token_url=self._token_url,
                client_id=lambda: reveal(oauth.client_id),
                client_secret=oauth.client_secret.reveal,
                refresh_token=oauth.refresh_token.reveal if oauth.refresh_token else None,
                clock=clock,
                rotated=rotated,
                on_rotated=on_rotated,
                base_url_key=self.base_url_key,
                client_in_header=self.client_in_header,
            )
        return None if self.token is None else BearerToken(self.token)

    def budgets(self, *, clock: Clock, used: Mapping[str, float] | None = None) -> Budgets:
        """Return the account's budgets; ``used`` is what was spent of today's, by budget."""
        return Budgets(
            {"burst": self.allowed_rate}, clock=clock, daily={"daily": self.daily_tokens}, used=used
        )

    def cooldown(self, response: httpx.Response) -> timedelta:
        """Return how long to stay away after an answer that says we ask too much."""
        return retry_after(response)

    def observe(self, response: httpx.Response, budgets: Budgets) -> None:
        """Lower the budgets by what an answer's headers tell of them."""

    def refusal(self, response: httpx.Response) -> CrmAccessError:
        """Return what to raise where the CRM will not serve this account as it is."""
        status = response.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            return CrmAccessError(
                "the CRM does not accept the credentials",
                status=status,
                remedy="replace the token; it is read again at the next probe",
            )
        if status == HTTPStatus.PAYMENT_REQUIRED:
            return CrmAccessError(
                "the CRM account's plan or quota does not allow this", reason="quota", status=status
            )
        return CrmAccessError(
            "the credentials lack a permission",
            status=status,
            remedy="give the token the permissions that `connector check` lists",
        )

    def record_url(
        self, record: str, crm_id: str, *, contact: str | None, account: str | None
    ) -> str | None:
        """Return the page on which people see a record; ``None`` where the CRM has none we know.

        ``record`` is ``contact``, ``message`` or ``conversation``, ``contact`` the id of the
        contact it belongs to, ``account`` what ``Account.url`` was at the last look.
        """
        del record, crm_id, contact, account
        return None

    def _token_url(self) -> str:
        if self.oauth is not None and self.oauth.token_url is not None:
            return self._check(reveal(self.oauth.token_url), "oauth.token_url")
        if self.default_token_url is not None:
            return self.default_token_url
        if self.token_path is None:
            raise _missing("oauth.token_url")
        return self.endpoint + self.token_path

    def _check(self, url: str, key: str) -> str:
        try:
            return check_url(url, allow_http=self.allow_http)
        except ValueError as error:
            raise ConfigError([Problem("", key, str(error))]) from None


def _missing(key: str) -> ConfigError:
    return ConfigError([Problem("", key, "is missing", expected="an https address")])
