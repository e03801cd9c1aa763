"""Whose addresses count as one. Pure."""

import ipaddress


def network_of(address: str) -> str:
    """An IPv4 address, also as IPv6 writes it; an IPv6 network of 64 bits; the beginning of what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
