"""`agent` and `python -m agent`: the program's entry, and nothing else."""

import sys

from agent.language import _
from protocol.privacy import keep_new_files_private

OURS = ("agent", "protocol")
USAGE = 2


def main() -> int:
    """Run the command line; where a package of an extra is missing, one sentence says which command brings it."""
    keep_new_files_private()
    try:
        from agent.cli.commands import app

        app(prog_name="agent")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OURS:
            raise
        sys.stderr.write(f"agent: {_not_installed(error)}\n")
        return USAGE
    return 0


def _not_installed(error: ModuleNotFoundError) -> str:
    what = _("This command needs the extra `agent`, which is not installed here ({module} is missing).")
    how = _("Install it: {command}").format(command=f"{sys.executable} -m pip install 'bn-auto[agent]'")
    return f"{what.format(module=error.name)} {how}"


if __name__ == "__main__":
    sys.exit(main())
