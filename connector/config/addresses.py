"""Addresses in the configuration: which are safe to listen on, and which to talk to."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainValidator

from connector.config.section import complain

Network = IPv4Network | IPv6Network

_HOST_PATTERN: Final = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,63}")


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a host, by its name or number alone."""
    name = host.strip("[]").casefold()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _parse_address(name)
    return address is not None and address.is_loopback


def check_url(text: str, *, allow_http: bool = False, with_query: bool = False) -> str:
    """Return an address to send requests to, without a slash at its end, or complain.

    https, or http where the host is a loopback one or ``allow_http`` says so. The complaint does
    not repeat the address, which may itself be a secret.
    """
    form = "an address such as https://crm.example.com"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise complain("is not an address", expected=form) from None
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise complain("is not an address", expected=form)
    if parts.username is not None or parts.password is not None:
        raise complain("holds a user name or password", expected=f"{form}; credentials apart")
    if parts.fragment or (parts.query and not with_query):
        raise complain("ends in a query or fragment", expected=form)
    if parts.scheme == "http" and not (allow_http or is_loopback(host)):
        raise complain(
            "would send secrets and messages unencrypted",
            expected="https; http only to this machine, or where allow_http = true can be set",
        )
    address = _parse_address(host)  # a name has none yet: it is looked at when connecting
    if address is not None and address.is_link_local:
        raise complain("is a link-local address, which is never called", expected=form)
    return text.rstrip("/")


def _parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is, if it is one; an IPv4 one also where written as IPv6."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _parse_network(value: object) -> Network:
    form = 'a network such as "10.0.0.0/8"'
    try:
        network = ip_network(value) if isinstance(value, str) else None
    except ValueError:
        network = None
    if network is None:
        raise complain("is not a network", expected=form)
    if network.is_link_local:
        raise complain("is link-local, which is never called", expected=form)
    return network


def _check_host_pattern(value: str) -> str:
    if not _HOST_PATTERN.fullmatch(value):
        raise complain(
            "is not a host name", expected='a name such as "lookaside.fbsbx.com" or "*.fbcdn.net"'
        )
    return value


PrivateNetwork = Annotated[Network, PlainValidator(_parse_network)]
HostPattern = Annotated[str, AfterValidator(_check_host_pattern)]
"""A host name, or ``*.`` and the domain that it ends in."""
HttpsUrl = Annotated[str, AfterValidator(check_url)]
