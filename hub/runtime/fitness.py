"""A store that answers and is not to be worked with, in the reader's language: what is so, and what to change.

The invariant: no password is in any sentence; the server's own words stand in brackets.
"""

from typing import NamedTuple

from sqlalchemy.engine import make_url

from hub.config import Settings
from hub.errors import Fault, Unfit
from hub.language import _


class Sentence(NamedTuple):
    """`what` is so; `advice` says what to do."""

    what: str
    advice: str


def sentence(error: Unfit, settings: Settings) -> Sentence:
    """What to say of it."""
    url = make_url(settings.database_url if error.what == "the database" else settings.redis_url)
    said = (_of_database if error.what == "the database" else _of_redis)(error.fault)
    names = {"user": url.username or "default", "name": url.database or "0", "why": error.why.rstrip(".")}
    return Sentence(*(part.format(**names) for part in said))


def _of_database(fault: Fault) -> Sentence:
    check = _("Check HUB_DATABASE_URL.")
    sentences: dict[Fault, Sentence] = {
        "login": Sentence(
            _("The database refuses the login of user {user} ({why})."),
            _("Check user and password in HUB_DATABASE_URL, and from which machines that user may come."),
        ),
        "host": Sentence(
            _("The database lets nobody in from this machine ({why})."), _("Allow it there, or check HUB_DATABASE_URL.")
        ),
        "database": Sentence(
            _("The database server has no database {name} ({why})."),
            _("Create it there (CREATE DATABASE {name}), or check HUB_DATABASE_URL."),
        ),
        "rights": Sentence(
            _("User {user} has not enough rights on the database {name} ({why})."),
            _("Grant them there: GRANT ALL ON {name}.* TO {user}."),
        ),
        "read_only": Sentence(
            _("The database {name} takes no writes ({why})."),
            _("HUB_DATABASE_URL takes one that the hub may write: no replica, no file without write permission."),
        ),
        "tls": Sentence(_("The database takes encrypted connections only ({why})."), check),
        "old": Sentence(
            _("The database is version {why}: the hub takes MySQL 8.0, MariaDB 10.6 or newer."), _("Update it.")
        ),
    }
    return sentences.get(fault, Sentence(_("The database cannot be worked with ({why})."), check))


def _of_redis(fault: Fault) -> Sentence:
    check = _("Check HUB_REDIS_URL.")
    sentences: dict[Fault, Sentence] = {
        "login": Sentence(
            _("Redis refuses the login of user {user} ({why})."), _("Check user and password in HUB_REDIS_URL.")
        ),
        "rights": Sentence(
            _("User {user} has not enough rights on Redis ({why})."),
            _("Grant them there: ACL SETUSER {user} ~* &* +@all."),
        ),
        "database": Sentence(_("Redis has no database {name} ({why})."), check),
        "stranger": Sentence(_("What answers there is no Redis ({why})."), check),
        "old": Sentence(
            _("Redis is version {why}: the hub takes 7.0 or newer, or Valkey, whose streams count their entries."),
            _("Update it."),
        ),
        "tls": Sentence(
            _("Redis takes encrypted connections only ({why})."), _("HUB_REDIS_URL takes rediss:// there.")
        ),
        "no_tls": Sentence(
            _("Redis speaks no TLS there ({why})."), _("HUB_REDIS_URL takes redis:// there, or the port that has TLS.")
        ),
        "certificate": Sentence(
            _("The certificate of Redis is not trusted here ({why})."),
            _("Name the authority that signed it: rediss://…?ssl_ca_certs=/path/to/ca.crt."),
        ),
        "cluster": Sentence(
            _("This Redis is part of a cluster ({why})."), _("HUB_REDIS_URL takes a Redis that stands alone.")
        ),
    }
    return sentences.get(fault, Sentence(_("Redis cannot be worked with ({why})."), check))
