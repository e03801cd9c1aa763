"""What roles may do. Pure: each route of the URL table names the right that it needs."""

from typing import Final, Literal, get_args

from hub.model.records import Role

Right = Literal[
    "orders:publish", "orders:cancel", "orders:read", "users:read", "users:write", "agents:read", "orders:take"
]
RIGHTS: Final[tuple[Right, ...]] = get_args(Right)

OF_ROLE: Final[dict[Role, frozenset[Right]]] = {
    "admin": frozenset({"orders:publish", "orders:cancel", "orders:read", "users:read", "users:write", "agents:read"}),
    "trader": frozenset({"orders:take"}),
}


def may(role: Role, right: Right) -> bool:
    """Whether the role has the right."""
    return right in OF_ROLE[role]


def whose(right: Right) -> Role:
    """The role that a refusal names."""
    return next(role for role, rights in OF_ROLE.items() if right in rights)
