"""The `hub` program: runs the command line and turns what it raises into an exit code.

The invariant: whoever's fault it is, a person reads one clear line on stderr, never a traceback of an error
that was expected.
"""

import io
import sys

from hub.cli import app
from hub.cli.errors import CommandError
from hub.cli.screen import complain


def main(arguments: list[str] | None = None) -> int:
    """Run one command: 0 done, 1 refused, 2 usage, 3 out of reach, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without a sign for a bar or an arrow gets `?` there, and the rest of the text.
            stream.reconfigure(errors="replace")
    try:
        app(args=arguments, prog_name="hub")
    except CommandError as error:
        complain(error)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
