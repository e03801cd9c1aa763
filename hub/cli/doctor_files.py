"""Whether anybody but the hub's own user can read what it keeps on this machine. Looking changes nothing."""

import os

from hub.cli.doctor import Check
from hub.config import Settings
from hub.language import _
from hub.runtime.own_files import own_files
from protocol.privacy import open_to_others


def files_check(settings: Settings) -> Check:
    """One line for the data directory and all that is the hub's in it."""
    name = _("files")
    if os.name == "nt":
        return Check(name, True, _("Windows has no modes to look at; its own rights apply"))
    found = open_to_others(own_files(settings))
    if not found:
        return Check(name, True, _("{path} is its owner's alone").format(path=settings.data_dir))
    detail = _("others can read {paths}").format(paths=", ".join(map(str, found)))
    return Check(
        name,
        False,
        detail,
        _("`hub serve` closes them at its start; or: chmod go= {paths}").format(paths=" ".join(map(str, found))),
    )
