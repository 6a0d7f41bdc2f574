"""Connections to a CRM go to the address that was judged, and only to ones that may be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network

import httpx
import pytest

from connector.crm.transport import (
    AddressPolicy,
    CappedTransport,
    PinnedTransport,
    ResponseTooLargeError,
    resolve,
)
from connector.errors import CrmAccessError

HERE = (ip_network("127.0.0.0/8"),)
LAN = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_may_be_called(address: str) -> None:
    assert AddressPolicy().allows(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "192.168.0.1",
        "172.16.5.4",
        "100.64.0.1",
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse, not to listen on
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "not an address",
    ],
)
def test_other_addresses_may_not(address: str) -> None:
    assert not AddressPolicy().allows(address)


def test_a_private_network_may_be_called_where_it_is_allowed() -> None:
    policy = AddressPolicy.for_host("crm.example.com", LAN)
    assert policy.allows("10.1.2.3")
    assert policy.allows("fd00::1")
    assert policy.allows("::ffff:10.1.2.3")
    assert not policy.allows("192.168.0.1")
    assert not policy.allows("127.0.0.1")


def test_link_local_is_refused_even_inside_an_allowed_network() -> None:
    policy = AddressPolicy(loopback=True, networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    assert policy.allows("10.0.0.1")
    assert not policy.allows("169.254.169.254")
    assert not policy.allows("fe80::1")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("crm.example.com", False)],
)
def test_this_machine_may_be_called_only_by_a_name_that_says_so(host: str, allowed: bool) -> None:  # noqa: FBT001
    assert AddressPolicy.for_host(host).allows("127.0.0.1") is allowed


class Names:
    """A name server that gives one answer after another and counts how often it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def echo_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(head) + head
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def fetch(names: Names, *, port: int, scheme: str = "http") -> str:
    transport = PinnedTransport(HERE, resolver=names)
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=5) as client:
        return (await client.get(f"{scheme}://crm.example.com:{port}/")).text


def test_the_connection_goes_to_the_address_that_was_judged_and_speaks_of_the_name() -> None:
    async def run() -> tuple[str, int]:
        server = await asyncio.start_server(echo_head, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        names = Names(["127.0.0.1"])
        async with server:
            return await fetch(names, port=port), names.asked

    head, asked = asyncio.run(run())
    assert "Host: crm.example.com:" in head
    assert asked == 1


def test_tls_asks_for_the_name_and_not_for_the_address() -> None:
    hello: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.append(await reader.read(4096))
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        async with server:
            with pytest.raises(httpx.ConnectError):
                await fetch(
                    Names(["127.0.0.1"]), port=server.sockets[0].getsockname()[1], scheme="https"
                )

    asyncio.run(run())
    assert b"crm.example.com" in hello[0]
    assert b"h2" not in hello[0]


@pytest.mark.parametrize("address", ["169.254.169.254", "192.168.0.10", "::ffff:169.254.169.254"])
def test_a_name_that_leads_to_a_private_place_is_a_setup_error(address: str) -> None:
    with pytest.raises(CrmAccessError) as caught:
        asyncio.run(fetch(Names([address]), port=80))
    assert caught.value.reason == "setup"
    assert caught.value.remedy is not None
    assert "allow_networks" in caught.value.remedy
    assert address not in str(caught.value)


def test_a_name_that_changes_its_mind_is_judged_at_each_connection() -> None:
    async def run() -> None:
        server = await asyncio.start_server(echo_head, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        names = Names(["127.0.0.1"], ["169.254.169.254"])
        transport = PinnedTransport(HERE, resolver=names)
        async with server, httpx.AsyncClient(transport=transport, trust_env=False) as client:
            await client.get(f"http://crm.example.com:{port}/")
            with pytest.raises(CrmAccessError):
                await client.get(f"http://crm.example.com:{port}/")

    asyncio.run(run())


def test_addresses_that_may_not_be_called_are_passed_over_for_one_that_may() -> None:
    async def run() -> str:
        server = await asyncio.start_server(echo_head, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await fetch(Names(["169.254.0.1", "127.0.0.9", "127.0.0.1"]), port=port)

    assert "Host: crm.example.com:" in asyncio.run(run())  # 127.0.0.9 answers with a refusal


def test_a_name_nobody_knows_is_a_failed_connection() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such name: secret-crm.example.com")

    async def run() -> None:
        transport = PinnedTransport(resolver=unknown)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            await client.get("http://crm.example.com/")

    with pytest.raises(httpx.ConnectError) as caught:
        asyncio.run(run())
    assert "secret" not in str(caught.value)


def test_the_system_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in asyncio.run(resolve("localhost", 80))


def test_more_than_the_cap_of_any_answer_is_not_read() -> None:
    async def body(size: int) -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"x"

    async def run(size: int) -> int:
        mock = httpx.MockTransport(lambda _request: httpx.Response(200, content=body(size)))
        transport = CappedTransport(mock, most_bytes=1000)
        async with httpx.AsyncClient(transport=transport) as client:
            return len((await client.get("https://crm.example.com/")).content)

    assert asyncio.run(run(1000)) == 1000
    with pytest.raises(ResponseTooLargeError):
        asyncio.run(run(1001))
