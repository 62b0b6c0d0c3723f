"""Which addresses may be asked: those of the internet, and what the operator allows beside them.

People who name addresses, in a catalogue or for a webhook, must not reach the network behind the
site with them (SSRF). A host is looked up for each connection, and one address of it that may not
be asked is enough to refuse it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from .problems import FetchError, Problem

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# What the IANA registries of special-purpose addresses keep from the internet, and what is obsolete
# there. Python's `is_global` knows less of it, and in each release something else.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
]
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # nothing else of IPv6 is given out (RFC 4291)


@dataclass(frozen=True)
class Allowed:
    """What may be asked although it is not public: host names, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str]) -> Allowed:
        """From words such as `cdn.shop.internal`, `10.0.0.7` and `10.1.0.0/16`."""
        hosts, networks = set(), []
        for word in words:
            try:
                networks.append(ipaddress.ip_network(word))
            except ValueError:
                hosts.add(_plain_name(word))
        return cls(frozenset(hosts), tuple(networks))

    def includes(self, address: Address, *, of_host: str) -> bool:
        inner = _unwrapped(address)
        return _plain_name(of_host) in self.hosts or any(inner in one for one in self.networks)


EVERYTHING = Allowed.of(["0.0.0.0/0", "::/0"])


def checked(host: str, *, port: int, allowed: Allowed) -> list[Address]:
    """The addresses of a host, each of which may be asked.

    Raises `FetchError` (host_not_found, host_refused). The look-up is the system's and may take as
    long as its resolver is set to.
    """
    addresses = look_up(host, port=port)
    for address in addresses:
        if not is_public(address) and not allowed.includes(address, of_host=host):
            raise FetchError(
                f"The host {host} is in a private network ({address}); where it may be asked, list "
                "it in FETCH_ALLOW.",
                problem=Problem.HOST_REFUSED,
            )
    return addresses


def look_up(host: str, *, port: int) -> list[Address]:
    """Every address of a host, in the order in which the system would try them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # an impossible name is a ValueError
        raise FetchError(
            f"The host {host} is not found.", problem=Problem.HOST_NOT_FOUND
        ) from error
    addresses = (ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)
    return list(dict.fromkeys(addresses))


def is_public(address: Address) -> bool:
    """Whether an address lies in the internet, also the IPv4 one that an IPv6 one wraps."""
    inner = _unwrapped(address)
    if inner.version == 6 and inner not in _GLOBAL_UNICAST:
        return False
    return inner.is_global and not any(inner in network for network in _NOT_PUBLIC)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that is reached by a mapped IPv6 one, or by one of NAT64; else itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address
    return address


def _plain_name(host: str) -> str:
    return host.lower().rstrip(".")
