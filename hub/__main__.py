"""The `hub` program: runs the command line and turns what it raises into an exit code.

The invariant: whoever's fault it is, a person reads one clear line on stderr, never a traceback of an error
that was expected.
"""

import io
import os
import sys

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError

from hub.cli import app
from hub.cli.errors import CommandError, Misused
from hub.cli.screen import complain, complain_json
from hub.language import _
from protocol.completion import asked_by, prepare
from protocol.privacy import keep_new_files_private
from protocol.usage import mistake

INTERRUPTED = 130
OURS = ("hub", "protocol", "sql")


def main(arguments: list[str] | None = None) -> int:
    """Run one command: 0 done, 1 refused, 2 usage, 3 out of reach, 130 interrupted."""
    keep_new_files_private()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without a sign for a bar or an arrow gets `?` there, and the rest of the text.
            stream.reconfigure(errors="replace")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(given)
    except CommandError as error:
        (complain_json if "--json" in given else complain)(error)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def _run(arguments: list[str]) -> int:
    """Raises CommandError, whatever the library or an import calls it."""
    if asked_by("hub") in os.environ:
        prepare()
    try:
        ended = app(args=arguments, prog_name="hub", standalone_mode=False)
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except ClickException as error:
        said = mistake(error, _)
        raise Misused(said.message, said.advice, field=said.field) from None
    except typer.Abort:
        sys.stderr.write("\n")
        return INTERRUPTED
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OURS:
            raise
        raise _not_installed(error) from None
    return ended if isinstance(ended, int) else 0


def _not_installed(error: ModuleNotFoundError) -> Misused:
    """The client's commands need no extra, those of the server do."""
    return Misused(
        _("This command needs the extra `hub`, which is not installed here ({module} is missing).").format(
            module=error.name
        ),
        _("Install it: {command}").format(command=f"{sys.executable} -m pip install 'bn-auto[hub]'"),
    )


if __name__ == "__main__":
    sys.exit(main())
