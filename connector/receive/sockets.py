"""Opening the sockets of a listener."""

import socket

from connector.errors import ConnectorError


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Bind every address that a host's name stands for, all to one port; 0 picks a free one.

    Raises ``ConnectorError`` if an address can not be had.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            opened = socket.socket(family, kind, protocol)
            sockets.append(opened)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind((address[0], port, *address[2:]))
            opened.setblocking(False)
            port = opened.getsockname()[1]
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise ConnectorError(
            f"can not listen at {host} port {port}: {error.strerror}",
            remedy="free the port, or choose another host or port in the configuration",
        ) from error
    return sockets
