"""A proxy before a real server, for tests that harm what passes."""

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Proxy:
    """Passes requests on to a server, so that the wire before it can do harm."""

    def __init__(self, target: str) -> None:
        self._http = httpx.Client(base_url=target, timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        query = f"?{request.url.query}" if request.url.query else ""
        answer = await run_in_threadpool(
            self._http.request,
            request.method,
            f"{scope['raw_path'].decode()}{query}",
            content=await request.body(),
            headers=dict(request.headers),
        )
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name not in {"content-length", "transfer-encoding", "connection"}
        }
        await Response(answer.content, answer.status_code, headers)(scope, receive, send)
