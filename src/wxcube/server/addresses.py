"""Addresses of callers and of this machine, as they stand in sockets and in the Host header."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def plain_address(address: str) -> str:
    """An address without the IPv6 form that a socket for both families gives to IPv4 callers.

    >>> plain_address("::ffff:192.0.2.1")
    '192.0.2.1'
    """
    if not address.startswith("::ffff:"):
        return address
    try:
        mapped = IPv6Address(address).ipv4_mapped
    except ValueError:
        return address
    return str(mapped) if mapped else address


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    try:
        return ip_address(plain_address(host)).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def host_name(header: str) -> str:
    """The address or name in a Host header, without port and brackets, in lower case."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
