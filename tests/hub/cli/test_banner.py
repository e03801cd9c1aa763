"""What `hub serve` says on a terminal: nothing secret, and commands that work as they stand there."""

from pathlib import Path

from hub.cli.banner import banner
from hub.config import Settings


def said(host: str = "127.0.0.1", port: int = 8000, workers: int = 1, **settings: object) -> list[str]:
    made = Settings(_env_file=None, **settings)  # type: ignore[call-arg, arg-type]
    return list(banner(made, host, port, workers))


def test_the_usual_hub_needs_no_settings_in_the_other_terminal(home: Path) -> None:
    lines = said()
    assert lines[0] == "The hub listens at http://127.0.0.1:8000"
    assert lines[lines.index("Next, in another terminal:") + 1] == f"  export HUB_DATA_DIR={home / 'data'}"
    assert f"  database: {home / 'data' / 'hub.db'}" in lines
    assert not any("HUB_URL" in line for line in lines)


def test_no_password_is_said(home: Path) -> None:
    secret = "s" * 40
    lines = said(
        host="0.0.0.0",
        port=9000,
        workers=2,
        database_url="mysql+asyncmy://hub:horse@db:3306/bn",
        redis_url="rediss://:staple@cache/0",
        admin_token=secret,
    )
    text = "\n".join(lines)
    assert not any(word in text for word in ("horse", "staple", secret))
    assert "every address" in lines[0]
    assert {
        "  database: db:3306/bn",
        "  Redis: cache/0",
        "  processes: 2",
        "  export HUB_URL=http://127.0.0.1:9000",
    } <= {*lines}
    assert any("HUB_ADMIN_TOKEN=…" in line for line in lines)
