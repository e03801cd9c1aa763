"""Whose addresses count as one."""

import pytest

from hub.model.networks import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", "no address"),
    ],
)
def test_ipv6_neighbours_are_one_and_ipv4_addresses_are_not(address: str, network: str) -> None:
    assert network_of(address) == network
