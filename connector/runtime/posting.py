"""Posting a webhook at our own public listener, and what its answer says of it."""

import httpx

from connector.config.models import Config
from connector.runtime.finding import Finding
from connector.sandbox.envelopes import sign

NAME = "test.receiver"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not to listen on
_TIMEOUT = 20.0


def listener_url(config: Config) -> str:
    """Return where the public listener is reached from this machine."""
    host = _EVERYWHERE.get(config.webhook.host, config.webhook.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{config.webhook.port}{config.webhook.path}"


async def post_webhook(config: Config, url: str, body: bytes) -> Finding:
    """Post one signed body, and say in words how it was taken."""
    secret = config.whatsapp.app_secrets[0].reveal()
    headers = {
        "X-Hub-Signature-256": sign(secret, body),
        "Content-Type": "application/json",
        "User-Agent": "connector-test",
    }
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as client:
            answer = await client.post(url, content=body, headers=headers)
    except httpx.ConnectError:
        return Finding(
            NAME,
            "fail",
            f"nobody listens at {url}: the receiver is not running",
            "start it with `connector run`, or see [webhook] host and port",
        )
    except httpx.HTTPError as error:
        return Finding(
            NAME,
            "fail",
            f"the receiver at {url} did not answer: {type(error).__name__}",
            "see the daemon's log, and `connector status`",
        )
    return judge_answer(answer.status_code, url)


def judge_answer(status: int, url: str) -> Finding:
    """Say what the status of an answer to a signed webhook means."""
    if status == httpx.codes.OK:
        return Finding(NAME, "ok", f"the receiver at {url} has stored the message")
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return Finding(
            NAME,
            "fail",
            "the receiver refuses the signature: it runs with another app secret than this "
            "configuration has",
            "compare app_secrets with the Meta dashboard (App settings, Basic), restart the "
            "receiver where they were changed, and see that it is this configuration it runs on",
        )
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return Finding(
            NAME,
            "fail",
            "the receiver can not store anything now",
            "see `connector status`: the ledger, its disk, or a daemon that is just ending",
        )
    return Finding(
        NAME,
        "fail",
        f"what listens at {url} answers {status}: it is not our receiver, or has another path",
        "see [webhook] host, port and path, and what stands in front of it",
    )
