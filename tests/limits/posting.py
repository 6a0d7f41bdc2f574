"""Posts to a running receiver, and what came of each."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.envelopes import sign

AT_ONCE = 25


@dataclass(slots=True)
class Posts:
    """The answers to some posts, each made once."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    """Seconds."""
    without_retry_after: int = 0
    """503s that do not say when to come again."""
    stored: list[bytes] = field(default_factory=list)
    """Bodies that were answered 200."""


def bodies(count: int, *, seed: int) -> list[bytes]:
    """Return webhooks that nobody has sent yet."""
    return burst(10, count, base=datetime.now(UTC), seed=seed).webhooks


def post_once(trial: Trial, webhooks: list[bytes]) -> Posts:
    """Post each webhook once, ``AT_ONCE`` at a time."""
    return asyncio.run(_post(trial, webhooks))


async def _post(trial: Trial, webhooks: list[bytes]) -> Posts:
    posts = Posts()
    left = iter(webhooks)

    async def work(client: httpx.AsyncClient) -> None:
        for body in left:
            signed = {"x-hub-signature-256": sign(trial.secret, body)}
            begun = time.monotonic()
            answer = await client.post(trial.webhook_url, content=body, headers=signed)
            posts.slowest = max(posts.slowest, time.monotonic() - begun)
            posts.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                posts.stored.append(body)
            elif answer.status_code == 503 and "retry-after" not in answer.headers:
                posts.without_retry_after += 1

    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        await asyncio.gather(*(work(client) for _ in range(AT_ONCE)))
    return posts


def readiness(trial: Trial) -> list[str]:
    """Return why the receiver is not ready; empty while it is."""
    answer = httpx.get(f"{trial.admin_url}/readyz", timeout=5, trust_env=False)
    return [] if answer.status_code == 200 else answer.text.splitlines()


def post_one_by_one(trial: Trial, webhooks: list[bytes]) -> list[int]:
    """Post each webhook after the answer to the one before; return the statuses."""
    with httpx.Client(timeout=30, trust_env=False) as client:
        return [
            client.post(
                trial.webhook_url,
                content=body,
                headers={"x-hub-signature-256": sign(trial.secret, body)},
            ).status_code
            for body in webhooks
        ]
