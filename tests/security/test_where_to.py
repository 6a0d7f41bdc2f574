"""No text from a chat, an answer or a mapping leads a request, or its token, somewhere else."""

import asyncio
from pathlib import Path

import httpx
import pytest

from connector.config.addresses import check_url
from connector.config.paths import resolve_labels_path, resolve_mapping_path
from connector.crm.transport import AddressPolicy, PinnedTransport, resolve
from connector.errors import ConfigError, CrmAccessError
from connector.mapping.load import load_mapping
from connector.record.graph import Graph, MediaError

SPELLINGS = [
    "127.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "127.000.000.001",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "0",
    "0.0.0.0",  # noqa: S104 - an address to refuse, not to listen on
    "[::]",
    "10.0.0.1",
    "192.168.1.1",
    "[fd00::1]",
    "[fec0::1]",
    "100.64.0.1",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "[::ffff:169.254.169.254]",
    "[fe80::1]",
    "[2001:0:7f00:1::]",
]
"""This machine, its neighbours and a cloud's own address, as browsers and libcs take them."""


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_a_private_address_is_connected_to(host: str) -> None:
    async def run() -> None:
        async with httpx.AsyncClient(transport=PinnedTransport(), trust_env=False) as client:
            await client.get(f"http://{host}:9/", timeout=5)

    # [::ffff:127.0.0.1] and the like are loopback by name, which an admin may configure; nothing
    # else may lead there. Either way no connection is made to what was not configured as such.
    with pytest.raises((CrmAccessError, httpx.ConnectError, httpx.InvalidURL)) as caught:
        asyncio.run(run())
    if not isinstance(caught.value, httpx.InvalidURL):
        name = host.strip("[]")
        policy = AddressPolicy()
        try:
            addresses = asyncio.run(resolve(name, 9))
        except OSError:
            return
        assert not any(map(policy.allows, addresses))


@pytest.mark.parametrize("address", ["::7f00:1", "64:ff9b:1::7f00:1", "fec0::1", "2001:db8::1"])
def test_odd_corners_of_ipv6_are_no_public_addresses(address: str) -> None:
    assert not AddressPolicy().allows(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.com",
        "ftp://crm.example.com",
        "file:///etc/passwd",
        "https://user:secret@crm.example.com",
        "https://169.254.169.254/",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://crm.example.com/?token=x",
        "https://crm.example.com/#x",
        "https://crm.example.com/\r\nHost: evil",
        "https:///etc",
        "//crm.example.com",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_base_url_that_leads_astray_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/a",
        "https://lookaside.fbsbx.com:8443/a",
        "https://lookaside.fbsbx.com.evil.example/a",
        "https://evil.example/lookaside.fbsbx.com",
        "https://lookaside.fbsbx.com@evil.example/a",
        "https://user@lookaside.fbsbx.com/a",
        "https://fbcdn.net.evil.example/a",
        "https://xfbcdn.net/a",
        "https://.fbcdn.net/a",
        "https://127.0.0.1/a",
        "https://2130706433/a",
        "https://[::1]/a",
        "https://169.254.169.254/latest",
        "https://graph.facebook.com:444/a",
        "http://graph.facebook.com/a",
        "https://graph.facebook.com.evil.example/a",
        "https://lookaside\uff0efbsbx.com.evil.example/a",
        "file:///etc/passwd",
        "gopher://lookaside.fbsbx.com/a",
        "//lookaside.fbsbx.com/a",
        "/a",
        "",
    ],
)
def test_a_files_address_outside_the_list_is_not_asked_and_sees_no_token(url: str) -> None:
    asked: list[httpx.URL] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json={"url": url})

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
            graph = Graph(
                client,
                base_url="https://graph.facebook.com",
                version="v25.0",
                token=lambda: "SECRET",
                hosts=["lookaside.fbsbx.com", "*.fbcdn.net"],
            )
            location = await graph.locate("77")
            async with graph.open(location):
                pass

    with pytest.raises(MediaError):
        asyncio.run(run())
    assert [each.host for each in asked] == ["graph.facebook.com"]


@pytest.mark.parametrize(
    "media_id", ["../me", "77/../../me", "77?fields=url", "7 7", "", "\uff17\uff17"]
)
def test_a_media_id_is_one_part_of_a_path_or_nothing(media_id: str) -> None:
    async def run() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
        async with httpx.AsyncClient(transport=transport) as client:
            graph = Graph(
                client,
                base_url="https://graph.facebook.com",
                version="v25.0",
                token=lambda: "t",
                hosts=[],
            )
            await graph.locate(media_id)

    with pytest.raises(MediaError, match="bad_id"):
        asyncio.run(run())


@pytest.mark.parametrize(
    "reference",
    [
        "../secret",
        "../../etc/passwd",
        "/etc/passwd",
        "mappings/../../secret",
        "rest/../../secret",
        "hubspot/../../secret",
        "labels",
        "..",
        ".",
        "",
        "hubspot.tests",
        "mine.toml",
        "file:///etc/passwd",
        "hubspot\x00",
    ],
)
def test_only_shipped_mappings_are_extended(reference: str, tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text('[contact]\nobject = "leaked"\n')
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "mine.toml").write_text(
        "extends = " + '"' + reference.replace("\x00", "\\u0000") + '"\n[contact]\n'
    )

    with pytest.raises(ConfigError) as caught:
        load_mapping("mine.toml", folder=folder, adapter="hubspot")

    assert "leaked" not in str(caught.value)
    assert any(problem.key == "extends" for problem in caught.value.problems)


def test_a_name_of_a_shipped_file_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text("")
    folder = tmp_path / "none"

    for name in ("../secret", "mappings/../secret", "rest/../../secret"):
        assert resolve_mapping_path(name, folder) is None
        assert resolve_labels_path(name, folder) is None
