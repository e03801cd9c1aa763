"""`hub settings`: each setting in effect, where it comes from and what it means; also as the page about settings.

The invariant: what is shown, what is refused and what the page says come from one description, beside the field.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.arguments import AsJson
from hub.cli.screen import say, show_json, show_line
from hub.language import _

if TYPE_CHECKING:
    from protocol.settings import Setting


def settings(
    as_json: AsJson = False,
    as_page: Annotated[bool, typer.Option("--page", help=_("Print the page hub/docs/settings.md."))] = False,
) -> None:
    from hub.cli.access import PROGRAM, access, load_settings
    from protocol.settings import lines, listed

    rows = listed(PROGRAM, [load_settings(), access()])
    if as_json:
        show_json([row._asdict() for row in rows])
    elif as_page:
        show_line(settings_page(rows))
    else:
        for line in lines(rows, _):
            say(line)


def settings_page(rows: "list[Setting]") -> str:
    """The whole page, in the reader's language."""
    from protocol.settings import page

    return "\n\n".join(
        (
            _("# Settings of the hub"),
            _(
                "The first of these that names a setting counts: a flag of the command, the environment (`HUB_…`), "
                "`.env`, `hub.yaml`, both in the directory where `hub` is started. A name that is unknown or a value "
                "that is wrong is refused before anything starts. `hub settings` shows what is in effect and where it "
                "comes from. This page is what `hub settings --page` prints."
            ),
            page(rows, _),
            _(
                "In `hub.yaml` names have no prefix; the last four of the table are of the command line and not taken "
                "there. Database and Redis may also be given in parts:"
            ),
            f"```yaml\n{EXAMPLE_YAML}```",
            _("The same as `.env`:"),
            f"```bash\n{EXAMPLE_ENV}```",
        )
    )


EXAMPLE_YAML = """\
timezone: Asia/Shanghai
session_hours: 12
database:
  mysql: {host: 127.0.0.1, port: 3306, user: hub, password: …, database: bn_auto}
  redis: {host: 127.0.0.1, port: 6379, password: …, db: 0}
"""
EXAMPLE_ENV = """\
HUB_TIMEZONE=Asia/Shanghai
HUB_SESSION_HOURS=12
HUB_DATABASE_URL=mysql+asyncmy://hub:…@127.0.0.1:3306/bn_auto
HUB_REDIS_URL=redis://:…@127.0.0.1:6379/0
"""
