"""`agent` and `python -m agent`: the program's entry, and nothing else."""

from agent.cli.commands import app


def main() -> None:
    """Run the command line."""
    app(prog_name="agent")


if __name__ == "__main__":
    main()
