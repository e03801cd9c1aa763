"""`agent` and `python -m agent`: runs the command line and turns what it raises into an exit code.

The invariant: whoever's fault it is, a person reads one clear line on standard error in their language; a program that
asked with `--json` reads JSON there.
"""

import os
import sys

from agent.language import _
from protocol.privacy import keep_new_files_private

OURS = ("agent", "protocol")
USAGE = 2
INTERRUPTED = 130


def main() -> int:
    """Run the command line; where a package of an extra is missing, one sentence says which command brings it."""
    keep_new_files_private()
    try:
        return _run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OURS:
            raise
        sys.stderr.write(f"agent: {_not_installed(error)}\n")
        return USAGE


def _run(arguments: list[str]) -> int:
    import typer
    from typer._click.exceptions import ClickException, NoArgsIsHelpError

    from agent.cli.commands import app
    from agent.cli.options import complain
    from protocol.completion import asked_by, prepare
    from protocol.usage import mistake

    if asked_by("agent") in os.environ:
        prepare()
    try:
        ended = app(args=arguments, prog_name="agent", standalone_mode=False)
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except ClickException as error:
        said = mistake(error, _)
        words = f"{said.message} {said.advice}".rstrip()
        complain(words, USAGE, as_json="--json" in arguments, field=said.field)
        return USAGE
    except typer.Abort:
        sys.stderr.write("\n")
        return INTERRUPTED
    return ended if isinstance(ended, int) else 0


def _not_installed(error: ModuleNotFoundError) -> str:
    what = _("This command needs the extra `agent`, which is not installed here ({module} is missing).")
    how = _("Install it: {command}").format(command=f"{sys.executable} -m pip install 'bn-auto[agent]'")
    return f"{what.format(module=error.name)} {how}"


if __name__ == "__main__":
    sys.exit(main())
