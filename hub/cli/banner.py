"""What `hub serve` says on a terminal once it listens: where, what it stores where, and what to type next. Pure."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from hub.config import Settings
from hub.language import _

USUAL_PORT = 8000
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 said, not bound


def banner(settings: Settings, host: str, port: int, workers: int) -> Iterator[str]:
    """Its lines."""
    yield _("The hub listens at {url}").format(url=url_of(host, port)) + everywhere(host)
    yield "  " + _("database: {where}").format(where=database(settings))
    yield "  " + _("Redis: {where}").format(where=redis(settings))
    yield "  " + _("secrets and counters: {where}").format(where=settings.data_dir)
    if workers > 1:
        yield "  " + _("processes: {count}").format(count=workers)
    yield _("Next, in another terminal:")
    for line in next_steps(settings, host, port):
        yield f"  {line}"
    yield _("Ctrl-C ends the hub.")


def url_of(host: str, port: int) -> str:
    reached = "127.0.0.1" if host in ANYWHERE else host
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


def everywhere(host: str) -> str:
    return _(", and at every address of this machine") if host in ANYWHERE else ""


def database(settings: Settings) -> str:
    """Where it is; a password is never said."""
    if settings.is_database_file:
        return settings.database_url.partition(":///")[2]
    return _without_password(settings.database_url)


def redis(settings: Settings) -> str:
    return _("inside this process") if settings.is_redis_embedded else _without_password(settings.redis_url)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def next_steps(settings: Settings, host: str, port: int) -> Iterator[str]:
    """Commands for another terminal of this machine, with the settings that they need there."""
    if port != USUAL_PORT or url_of(host, port) != f"http://127.0.0.1:{port}":
        yield f"export HUB_URL={url_of(host, port)}"
    if settings.admin_token is not None:
        yield _("export HUB_ADMIN_TOKEN=…   # the one that this hub was given")
    elif "data_dir" in settings.model_fields_set:
        yield f"export HUB_DATA_DIR={Path(settings.data_dir).absolute()}"
    yield "hub users add ann --expire 30d"
    yield "hub orders publish btcusdt long 10m --valid 60 --watch"
    yield "hub doctor"
