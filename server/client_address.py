"""Whose address a request came from, with proxies in between that only the operator can name (S-21).

The peer is the client. Only if the peer is a configured proxy, X-Forwarded-For is walked from the right past configured
ones; what stands further left was written by the client. Host and X-Forwarded-Host decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Protocol

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"
"""A peer without an address (a local socket), counted as one."""
MAX_HOPS = 10


class Headers(Protocol):
    def getall(self, key: str, default: Any) -> Sequence[str]: ...


class Request(Protocol):
    """The part of an aiohttp request that is asked; `remote` is the peer of the connection."""

    @property
    def remote(self) -> str | None: ...

    @property
    def headers(self) -> Headers: ...


def read_proxies(setting: str) -> tuple[Network, ...]:
    """Addresses or networks separated by commas. Raises ValueError with the word that is none."""
    return tuple(_network(word.strip()) for word in setting.split(",") if word.strip())


def client_address(request: Request, trusted_proxies: Iterable[Network]) -> str:
    """The address in text, `unknown` for a peer that has none."""
    proxies = tuple(trusted_proxies)
    believed = _address(request.remote or "")
    if believed is None:
        return UNKNOWN
    hops = [hop for line in request.headers.getall("X-Forwarded-For", ()) for hop in line.split(",")]
    for hop in reversed(hops[-MAX_HOPS:]):
        if not any(believed in network for network in proxies if network.version == believed.version):
            break
        earlier = _address(hop.strip())
        if earlier is None:
            break
        believed = earlier
    return str(believed)


def _address(text: str) -> Address | None:
    """Of `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1` or `[2001:db8::1]:567`."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(word: str) -> Network:
    try:
        return ip_network(word, strict=False)
    except ValueError:
        raise ValueError(f"{word} is neither an address nor a network") from None
