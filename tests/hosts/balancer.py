"""A load balancer in few words: hands each connection to the next host that takes it.

Started as a program: ``balancer.py LISTEN_HOST:PORT TARGET_HOST:PORT...``. It looks at nothing but
whether a connection can be made within a second, so a host that dies in the middle of a request
costs the sender that request.
"""

import asyncio
import contextlib
import sys
from typing import Final

_CONNECT_WITHIN: Final = 1.0


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Balancer:
    """Takes turns among its targets."""

    def __init__(self, targets: list[tuple[str, int]]) -> None:
        self._targets = targets

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        for _ in self._targets:
            target = self._targets.pop(0)
            self._targets.append(target)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_WITHIN):
                    there = await asyncio.open_connection(*target)
                await asyncio.gather(_carry(reader, there[1]), _carry(there[0], writer))
                return
        writer.close()


async def main(listen: str, *targets: str) -> None:
    """Balance until the process is ended."""
    host, port = _address(listen)
    balancer = Balancer([_address(each) for each in targets])
    server = await asyncio.start_server(balancer.serve, host, port)
    async with server:
        print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
