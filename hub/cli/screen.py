"""What a command prints: results on stdout, everything else on stderr; plain when it is no terminal.

Everybody in hub.cli may import it. The invariant: text that came from elsewhere is shown as text, so a
trader's agent can neither colour nor steer the admin's terminal.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from hub.cli.errors import CommandError
from hub.language import _
from protocol.text import clean

PLAIN_WIDTH = 1_000
"""Columns where output is no terminal: wide enough that no row of a table is ever folded."""


def stdout() -> Console:
    """Where results go. Made anew each time, as a console keeps hold of the stream it was made on."""
    return _console(is_error=False)


def stderr() -> Console:
    return _console(is_error=True)


def _console(is_error: bool) -> Console:
    console = Console(stderr=is_error, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def say(text: str) -> None:
    """One line of result."""
    stdout().print(Text(clean(text)), soft_wrap=True)


def note(text: str) -> None:
    """One line beside the result: progress, hints."""
    stderr().print(Text(clean(text)), soft_wrap=True)


def complain(error: CommandError) -> None:
    """An error and what to do next, on stderr."""
    console = stderr()
    console.print(Text(_("Error: "), style="bold red").append(clean(str(error)), style="default"), soft_wrap=True)
    for line in error.more:
        console.print(Text(clean(line)), soft_wrap=True)
    if error.advice:
        console.print(Text(clean(error.advice)), soft_wrap=True)


def complain_json(error: CommandError) -> None:
    """The same for a program: one object on stderr."""
    message = "\n".join([str(error), *error.more])
    sys.stderr.write(to_json({"error": {"code": error.code, "message": message, "field": error.field}}, None) + "\n")


def show(what: RenderableType) -> None:
    """A table or a drawing, as result."""
    stdout().print(what)


def show_list(*what: RenderableType) -> None:
    """The same, through the reader's pager where it is longer than the terminal."""
    console = stdout()
    if not console.is_terminal:
        console.print(*what, sep="\n")
        return
    with console.capture() as captured:
        console.print(*what, sep="\n")
    if captured.get().count("\n") < console.height:
        show_line(captured.get().removesuffix("\n"))
    else:
        _page(captured.get())


def _page(text: str) -> None:
    import pydoc

    # Colours as they are, and nothing to leave where it fits after all.
    os.environ.setdefault("LESS", "FRX")
    with suppress(KeyboardInterrupt):
        pydoc.pager(text)


def width() -> int:
    """Columns that a list may take."""
    return stdout().width


def to_json(data: Any, indent: int | None = 2) -> str:
    """JSON for a person and a program: readable signs, but none that a terminal would obey."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    # json escapes the C0 controls itself; the C1 ones and DEL it lets through.
    return "".join(sign if sign.isprintable() or sign == "\n" else f"\\u{ord(sign):04x}" for sign in text)


def show_json(data: Any) -> None:
    """`data` as JSON, and nothing else."""
    show_line(to_json(data))


def show_line(text: str) -> None:
    """A finished text on stdout, at once, so that who reads a pipe sees it now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table of texts; None is shown as `-`."""
    drawn = Table(*headings, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        drawn.add_row(*(Text("-" if cell is None else clean(cell)) for cell in row))
    return drawn


def facts(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and values, a line each."""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows:
        drawn.add_row(Text(name, style="bold"), Text(clean(value)))
    return drawn


def note_rest(shown: int, total: int, page: int) -> None:
    """What a list does not show, beside it."""
    if total == 0 or (shown == 0 and page == 1):
        note(_("There are none."))
    elif shown == 0:
        note(_("There is no page {page}: there are {total} in all.").format(page=page, total=total))
    elif shown < total:
        note(_("{shown} of {total}; see more with --page.").format(shown=shown, total=total))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def waiting(text: str) -> AbstractContextManager[object]:
    """A spinner on stderr while something is awaited; nothing where stderr is no terminal."""
    console = stderr()
    return console.status(Text(text)) if console.is_terminal else nullcontext()
