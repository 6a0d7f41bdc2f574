"""Meta is asked over real HTTP, and each thing that can be wrong there is told in its own words."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connector.config.load import load_config
from connector.config.models import Config, DestinationSettings
from connector.ledger.ledger import Ledger
from connector.runtime.callback_checks import NEEDED, USEFUL, check_receiver
from connector.runtime.finding import Finding
from connector.runtime.trial import free_port
from connector.runtime.whatsapp_checks import MetaAnswers, ask_meta
from connector.sandbox.faults import Fault
from connector.sandbox.graph import (
    MANAGEMENT,
    MESSAGING,
    Account,
    App,
    Number,
    Subscription,
    Token,
    World,
    build_app,
)
from connector.sandbox.server import serve
from tests.flow.receiver import PATH, VERIFY_TOKEN, Receiver, receiver

pytestmark = pytest.mark.anyio

ACCOUNT, NUMBER, APP, OTHERS = "102290129340398", "106540352242922", "771", "772"
APP_SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = "EAAcanaryOfTheGraph0000000001"


@dataclass
class Meta:
    """A sandbox Graph API, a receiver that Meta posts to, and a configuration for both."""

    world: World
    receiver: Receiver
    folder: Path
    graph_url: str
    faults: object
    version: str = "v25.0"
    secret: str = APP_SECRET
    extra: str = ""

    @property
    def callback(self) -> str:
        return f"http://127.0.0.1:{self.receiver.listener.port}{PATH}"

    @property
    def app(self) -> App:
        return self.world.apps[0]

    def config(self) -> Config:
        for name, text in {
            "app_secret": self.secret,
            "verify_token": VERIFY_TOKEN,
            "access_token": TOKEN,
        }.items():
            (self.folder / name).write_text(text)
        (self.folder / "config.toml").write_text(
            f"""
[webhook]
port = {self.receiver.listener.port}
[whatsapp]
app_secrets = [{{ file = "app_secret" }}]
verify_token = {{ file = "verify_token" }}
access_token = {{ file = "access_token" }}
graph_url = "{self.graph_url}"
graph_version = "{self.version}"
[[whatsapp.numbers]]
phone_number_id = "{NUMBER}"
waba_id = "{ACCOUNT}"
name = "Vendas"
{self.extra}
[destinations.crm]
adapter = "any"
"""
        )
        return load_config(
            self.folder / "config.toml", settings_models={"any": DestinationSettings}
        )

    async def ask(self) -> MetaAnswers:
        return await ask_meta(self.config())

    async def findings(self) -> dict[str, Finding]:
        """Return what is found, by name; nothing secret stands in it."""
        answers = await self.ask()
        spelt = json.dumps([each.as_json() for each in answers.findings])
        for secret in (TOKEN, APP_SECRET, VERIFY_TOKEN):
            assert secret not in spelt
        found = {each.name: each for each in answers.findings}
        assert len(found) == len(answers.findings), "one line a thing"
        for each in answers.findings:
            if each.state in {"warn", "fail"}:
                assert each.remedy, f"{each.name} does not say what to do"
        return found


@asynccontextmanager
async def _meta(ledger: Ledger, folder: Path) -> AsyncIterator[Meta]:
    async with receiver(ledger) as hears:
        callback = f"http://127.0.0.1:{hears.listener.port}{PATH}"
        wanted = Subscription(callback_url=callback, fields=[*NEEDED, *USEFUL])
        world = World(
            apps=[
                App(id=APP, name="Our app", secret=APP_SECRET, subscriptions=[wanted]),
                App(id=OTHERS, name="Another's app", secret="f" * 32),
            ],
            accounts=[Account(id=ACCOUNT, subscribed={APP: None})],
            numbers=[Number(id=NUMBER, account=ACCOUNT)],
            tokens=[Token(token=TOKEN, app=APP)],
        )
        app = build_app(world)
        async with serve(app) as url:
            yield Meta(world, hears, folder, url, app.state.wire.faults)


@pytest.fixture
async def meta(anyio_backend: str, sqlite_ledger: Ledger, tmp_path: Path) -> AsyncIterator[Meta]:
    assert anyio_backend
    async with _meta(sqlite_ledger, tmp_path) as found:
        yield found


async def test_where_everything_is_right_nothing_is_complained_of(meta: Meta) -> None:
    found = await meta.findings()
    assert {each.state for each in found.values()} == {"ok"}, found
    assert set(found) == {
        "whatsapp.token",
        "whatsapp.permissions",
        "whatsapp.app_secret",
        "whatsapp.subscription",
        "whatsapp.fields",
        "whatsapp.callback",
        "whatsapp.numbers.Vendas",
    }
    assert "Our app" in found["whatsapp.subscription"].detail
    assert meta.callback in found["whatsapp.callback"].detail
    number = found["whatsapp.numbers.Vendas"].detail
    assert "quality green, throughput standard, may write to 2k new people a day" in number


async def test_a_revoked_token_is_told_and_nothing_else_is_guessed(meta: Meta) -> None:
    meta.world.tokens[0].revoked = True
    found = await meta.findings()
    assert found["whatsapp.token"].state == "fail"
    assert "has not authorized application" in found["whatsapp.token"].detail
    assert "System users" in (found["whatsapp.token"].remedy or "")
    assert found["whatsapp.subscription"].state == "skipped"
    assert found["whatsapp.numbers"].state == "skipped"


async def test_a_token_that_never_was_one_is_told(meta: Meta) -> None:
    meta.world.tokens.clear()
    found = await meta.findings()
    assert "Cannot parse access token" in found["whatsapp.token"].detail


async def test_an_expired_token_is_told_with_the_day(meta: Meta) -> None:
    meta.world.tokens[0].expires_at = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp())
    found = await meta.findings()
    assert found["whatsapp.token"].state == "fail"
    assert "Session has expired on Friday, 02-Jan-26" in found["whatsapp.token"].detail


@pytest.mark.parametrize(("days", "state"), [(3, "warn"), (30, "ok")])
async def test_the_end_of_a_token_is_seen_coming(meta: Meta, days: int, state: str) -> None:
    end = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
    meta.world.tokens[0].expires_at = int(end.timestamp())
    answers = await meta.ask()
    assert answers.token_ends_at == end
    found = await meta.findings()
    assert found["whatsapp.credential"].state == state
    assert str(end.date()) in found["whatsapp.credential"].detail


@pytest.mark.parametrize(
    ("scopes", "named"), [([MESSAGING], MANAGEMENT), ([MANAGEMENT], MESSAGING)]
)
async def test_a_missing_permission_is_named(meta: Meta, scopes: list[str], named: str) -> None:
    meta.world.tokens[0].scopes = scopes
    found = await meta.findings()
    assert found["whatsapp.permissions"].state == "fail"
    assert f"the token lacks {named}" in found["whatsapp.permissions"].detail
    other = ({MANAGEMENT, MESSAGING} - {named}).pop()
    assert other not in found["whatsapp.permissions"].detail


async def test_a_token_that_was_not_given_the_account_is_told(meta: Meta) -> None:
    meta.world.tokens[0].accounts = ["999"]
    found = await meta.findings()
    assert found["whatsapp.permissions"].state == "fail"
    assert f"was not given the WhatsApp Business account {ACCOUNT}" in (
        found["whatsapp.permissions"].detail
    )
    assert found["whatsapp.subscription"].state == "fail"


async def test_the_forgotten_subscription_is_told(meta: Meta) -> None:
    meta.world.accounts[0].subscribed = {}
    found = await meta.findings()
    assert found["whatsapp.subscription"].state == "fail"
    assert "no app is subscribed" in found["whatsapp.subscription"].detail
    assert f"POST /{ACCOUNT}/subscribed_apps" in (found["whatsapp.subscription"].remedy or "")
    assert found["whatsapp.fields"].state == "ok", "the app itself is looked at nevertheless"


async def test_what_the_remedy_says_mends_it(meta: Meta) -> None:
    meta.world.accounts[0].subscribed = {}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{meta.graph_url}/v25.0/{ACCOUNT}/subscribed_apps",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
    assert answer.json() == {"success": True}
    assert (await meta.findings())["whatsapp.subscription"].state == "ok"


async def test_an_account_that_only_another_app_hears_is_told(meta: Meta) -> None:
    meta.world.accounts[0].subscribed = {OTHERS: None}
    found = await meta.findings()
    assert found["whatsapp.subscription"].state == "fail"
    assert "by Another's app, but not by our app" in found["whatsapp.subscription"].detail


async def test_an_app_of_somebody_else_beside_ours_is_no_trouble(meta: Meta) -> None:
    meta.world.accounts[0].subscribed = {OTHERS: None, APP: None}
    found = await meta.findings()
    assert {each.state for each in found.values()} == {"ok"}


async def test_a_wrong_app_secret_is_told_since_no_signature_would_be_right(meta: Meta) -> None:
    meta.secret = "0" * 32
    found = await meta.findings()
    assert found["whatsapp.app_secret"].state == "fail"
    assert "no app here takes our app secret" in found["whatsapp.app_secret"].detail
    assert "every webhook would be refused" in found["whatsapp.app_secret"].detail


async def test_a_callback_that_leads_elsewhere_is_told(meta: Meta) -> None:
    meta.app.subscriptions[0].callback_url = meta.callback.replace(PATH, "/old/webhook")
    found = await meta.findings()
    detail = found["whatsapp.callback"].detail
    assert found["whatsapp.callback"].state == "fail"
    assert "/old/webhook" in detail
    assert "answers 404: it is not our receiver" in detail
    assert f"its path is not {PATH}" in detail


async def test_a_callback_where_nobody_answers_is_doubtful(meta: Meta) -> None:
    meta.app.subscriptions[0].callback_url = f"http://127.0.0.1:{free_port()}{PATH}"
    found = await meta.findings()
    assert found["whatsapp.callback"].state == "warn"
    assert "nobody answers from here (ConnectError)" in found["whatsapp.callback"].detail


async def test_a_callback_without_tls_is_told(meta: Meta) -> None:
    meta.app.subscriptions[0].callback_url = "http://connector.example.com/webhooks/whatsapp"
    found = await meta.findings()
    assert found["whatsapp.callback"].state == "fail"
    assert "which is no https address" in found["whatsapp.callback"].detail


async def test_a_wrong_verify_token_is_told(meta: Meta, tmp_path: Path) -> None:
    config = meta.config()
    (tmp_path / "verify_token").write_text("not the one that the receiver has, but as long")
    found = {each.name: each for each in (await ask_meta(config)).findings}
    assert found["whatsapp.callback"].state == "fail"
    assert "does not take our verify token" in found["whatsapp.callback"].detail
    here = await check_receiver(config)
    assert here.state == "fail"
    assert "another verify token" in here.detail


async def test_an_override_of_account_or_number_is_followed(meta: Meta) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/elsewhere"
    meta.world.accounts[0].subscribed = {APP: nobody}
    answers = await meta.ask()
    callbacks = [each for each in answers.findings if each.name == "whatsapp.callback"]
    assert [each.state for each in callbacks] == ["ok", "warn"]
    assert f"{nobody}, as the account {ACCOUNT} overrides it" in callbacks[1].detail
    meta.world.accounts[0].subscribed = {APP: None}
    meta.world.numbers[0].override_callback_uri = nobody
    answers = await meta.ask()
    callbacks = [each for each in answers.findings if each.name == "whatsapp.callback"]
    assert "as the number Vendas overrides it" in callbacks[1].detail


async def test_fields_that_are_not_subscribed_are_named(meta: Meta) -> None:
    meta.app.subscriptions[0].fields = ["account_update"]
    without = (await meta.findings())["whatsapp.fields"]
    assert without.state == "fail"
    assert "not subscribed to messages: no message will arrive" in without.detail
    meta.app.subscriptions[0].fields = ["messages", "history"]
    some = (await meta.findings())["whatsapp.fields"]
    assert some.state == "warn"
    missing = ", ".join(each for each in USEFUL if each != "history")
    assert f"not to {missing}" in some.detail


@pytest.mark.parametrize("how", ["none", "asleep", "another object"])
async def test_an_app_without_a_callback_is_told(meta: Meta, how: str) -> None:
    match how:
        case "none":
            meta.app.subscriptions = []
        case "asleep":
            meta.app.subscriptions[0].active = False
        case _:
            meta.app.subscriptions[0].object = "page"
    found = await meta.findings()
    assert found["whatsapp.fields"].state == "fail"
    assert "has no callback for WhatsApp Business accounts" in found["whatsapp.fields"].detail


@pytest.mark.parametrize(
    ("change", "state", "word"),
    [
        ({"status": "DISCONNECTED"}, "fail", "is disconnected"),
        ({"status": "BANNED"}, "fail", "is banned"),
        ({"status": "PENDING"}, "fail", "is pending"),
        ({"status": "FLAGGED", "quality_rating": "RED"}, "warn", "is flagged"),
        ({"quality_rating": "RED"}, "warn", "quality red"),
        ({"quality_rating": "YELLOW"}, "warn", "quality yellow"),
        ({"platform_type": "ON_PREMISE"}, "fail", "not on the Cloud API"),
        ({"throughput": "HIGH"}, "ok", "throughput high"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
async def test_how_a_number_is_is_told(
    meta: Meta, change: dict[str, str], state: str, word: str
) -> None:
    for name, value in change.items():
        setattr(meta.world.numbers[0], name, value)
    found = (await meta.findings())["whatsapp.numbers.Vendas"]
    assert found.state == state
    assert word in found.detail


async def test_a_number_of_another_account_is_told(meta: Meta) -> None:
    meta.world.accounts.append(Account(id="555", subscribed={APP: None}))
    meta.world.numbers[0].account = "555"
    found = await meta.findings()
    assert found["whatsapp.numbers.Vendas"].state == "fail"
    assert f"is not one of the account {ACCOUNT}" in found["whatsapp.numbers.Vendas"].detail


async def test_a_number_without_its_account_is_doubtful(meta: Meta) -> None:
    meta.extra = '[[whatsapp.numbers]]\nphone_number_id = "42"\nname = "Suporte"'
    meta.world.numbers.append(Number(id="42", account=ACCOUNT))
    answers = await meta.ask()
    [doubt] = [each for each in answers.findings if each.state != "ok"]
    assert "Suporte has no waba_id" in doubt.detail


async def test_an_account_that_is_not_there_is_told_without_people(meta: Meta) -> None:
    meta.world.accounts[0].id = "999"
    found = await meta.findings()
    assert found["whatsapp.subscription"].state == "fail"
    assert "Unsupported get request" in found["whatsapp.subscription"].detail


async def test_a_version_that_has_ended_is_seen_by_what_meta_answers(meta: Meta) -> None:
    meta.version = "v20.0"
    found = await meta.findings()
    assert found["whatsapp.served_version"].state == "fail"
    assert "Meta answers v20.0 as v21.0" in found["whatsapp.served_version"].detail


@pytest.mark.parametrize("kind", ["error_before", "garble", "throttle", "reset_before"])
async def test_an_answer_that_is_no_use_is_a_failure_and_no_crash(meta: Meta, kind: str) -> None:
    meta.faults.order(Fault.model_validate({"kind": kind, "count": 1000, "status": 502}))  # type: ignore[attr-defined]  # the wire's
    found = await meta.findings()
    assert found["whatsapp.token"].state == "fail"
    assert "Meta" in found["whatsapp.token"].detail


async def test_without_a_token_meta_is_not_asked(meta: Meta) -> None:
    config = meta.config()
    plain = config.model_copy(
        update={"whatsapp": config.whatsapp.model_copy(update={"access_token": None})}
    )
    [finding] = (await ask_meta(plain)).findings
    assert finding.state == "skipped"


async def test_the_receiver_is_met_as_meta_would(meta: Meta) -> None:
    config = meta.config()
    assert (await check_receiver(config)).state == "ok"
    elsewhere = config.webhook.model_copy(update={"path": "/not/here"})
    found = await check_receiver(config.model_copy(update={"webhook": elsewhere}))
    assert found.state == "fail"
    assert "answers 404: it is not our receiver" in found.detail
    asleep = config.webhook.model_copy(update={"port": free_port()})
    found = await check_receiver(config.model_copy(update={"webhook": asleep}))
    assert found.state == "skipped"
