"""The way to a CRM: only to addresses it may have, and to the very address that was checked.

A name is resolved once for a connection, every address it has is judged, and the connection goes to
one that passed, with ``Host`` and TLS still speaking of the name. Checking the name first and
connecting by name after would leave a gap in which it can come to mean another machine.
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

import httpcore
import httpx

from connector.config.addresses import is_loopback
from connector.errors import CrmAccessError

Address = IPv4Address | IPv6Address
Networks = Iterable[IPv4Network | IPv6Network]
"""Private networks in which a CRM may stand."""
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a name, for a port; raises ``OSError`` if it has none."""

_TRANSLATED: Final = ip_network("64:ff9b::/96")
_PACKINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_PIECE: Final = 64 * 1024
"""Bytes that are unpacked at once."""
_UNSPEAKABLE: Final = "this host has only addresses that are private or link-local"


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses may be connected to: public ones, and those that are allowed here.

    ``loopback`` is for a host that was configured as this machine by name or number; a public name
    that turns out to lead here is refused. Link-local addresses are never allowed: cloud machines
    hand out their credentials on one.
    """

    loopback: bool = False
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def for_host(cls, host: str, networks: Networks = ()) -> "AddressPolicy":
        """Return the policy for a host that an admin configured, as its name or number stands."""
        return cls(loopback=is_loopback(host), networks=tuple(networks))

    def allows(self, text: str) -> bool:
        """Judge one address, however it is wrapped into IPv6."""
        try:
            address = _unwrap(ip_address(text))
        except ValueError:
            return False
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            return False
        if any(address in network for network in self.networks):
            return True
        if address.is_loopback:
            return self.loopback
        if isinstance(address, IPv6Address) and address.is_site_local:
            return False  # given up in 2004, still routed inside some networks
        return address.is_global and not address.is_reserved


def _unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one leads to, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for a host's addresses, in the order in which to try them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that pass the policy of their host, and to no other."""

    def __init__(self, networks: Networks = (), resolver: Resolver = resolve) -> None:
        self._networks = tuple(networks)
        self._resolve = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, or raise ``CrmAccessError`` where no address of the host may be used."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from None
        except OSError:
            raise httpcore.ConnectError("the name cannot be resolved") from None
        policy = AddressPolicy.for_host(host, self._networks)
        allowed = [address for address in addresses if policy.allows(address)]
        if not allowed:
            raise CrmAccessError(
                _UNSPEAKABLE,
                reason="setup",
                remedy="check base_url, or name its network in allow_networks",
            )
        share = None if timeout is None else timeout / len(allowed)
        for address in allowed[:-1]:
            try:
                return await self._network.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(
            allowed[-1], port, share, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class PinnedTransport(httpx.AsyncHTTPTransport):
    """httpx over pinned connections: HTTP/1.1, no proxies, nothing from the environment.

    An idle connection is dropped after ``keepalive`` seconds, well before servers drop theirs: a
    write on one that the server just closed would be in doubt for nothing.
    """

    def __init__(
        self,
        networks: Networks = (),
        *,
        connections: int = 20,
        keepalive: float = 4.0,
        resolver: Resolver = resolve,
    ) -> None:
        trust = _trusted()
        super().__init__(verify=trust, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=keepalive,
            http2=False,
            network_backend=PinnedBackend(networks, resolver),
        )


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificate authorities that are well known, and those this machine trusts."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


class ResponseTooLargeError(httpx.TransportError):
    """An answer is larger than anybody should have to hold in memory."""


class UnreadableResponseError(httpx.TransportError):
    """An answer is compressed in a way that was not asked for, or wrongly."""


class CappedTransport(httpx.AsyncBaseTransport):
    """Another transport, with an end to how much of an answer is read.

    What counts is the answer unpacked: a few kilobytes can stand for gigabytes, and packed twice
    for a million times more. It is unpacked here, a piece at a time, once at most.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, *, most_bytes: int) -> None:
        self._transport = transport
        self._most_bytes = most_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; reading the answer's body raises ``ResponseTooLargeError`` at the cap.

        An answer that is packed in more than one way, or in one that we do not know, has no body:
        reading it raises ``UnreadableResponseError``.
        """
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            request.headers["Accept-Encoding"] = "gzip"
        response = await self._transport.handle_async_request(request)
        stream = response.stream
        if isinstance(stream, httpx.AsyncByteStream):
            packing = response.headers.get("Content-Encoding", "").strip().lower()
            if packing and packing != "identity":
                del response.headers["Content-Encoding"]
                stream = _UnpackedStream(stream, packing)
            response.stream = _CappedStream(stream, self._most_bytes)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


class _UnpackedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, packing: str) -> None:
        self._stream = stream
        self._packing = packing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._packing not in _PACKINGS:
            raise UnreadableResponseError("the answer is compressed in a way that was not asked")
        unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
        async for packed in self._stream:
            rest = packed
            while rest and not unpacker.eof:
                try:
                    part = unpacker.decompress(rest, _PIECE)
                except zlib.error:
                    raise UnreadableResponseError("the answer is wrongly compressed") from None
                rest = unpacker.unconsumed_tail
                if part:
                    yield part
        if part := unpacker.flush():
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class _CappedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > self._most_bytes:
                raise ResponseTooLargeError("the answer is larger than allowed")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
