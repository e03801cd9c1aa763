"""What the person wants while an account is logged in: who decides, which mode, which stake and limits, an answer.

The invariants: each wish goes to the session that there is now, and to nothing where there is none; LIVE is reached
only through its limits and its risks.
"""

from collections.abc import Callable

import msgspec

from agent.language import _
from agent.model.engine import Mode
from agent.model.rules import BadRule, written
from agent.ui import words
from agent.ui.limits_window import SHOWN
from agent.ui.preferences import PreferencesFile
from agent.ui.session import DeskSession
from agent.ui.state import Placing
from agent.ui.windows import Windows, to_front
from protocol.messages import Outcome


class Wishes:
    """`changed` is told after whatever changes the terms of the next order."""

    def __init__(
        self,
        windows: Windows,
        kept: PreferencesFile,
        session: Callable[[], DeskSession | None],
        changed: Callable[[], None],
    ) -> None:
        self._windows, self._kept, self._session, self._changed = windows, kept, session, changed

    def stop_placing(self) -> None:
        """Place nothing from now on; what is under way ends as it does."""
        self.place(Placing.PAUSED)
        for order_id in list(self._windows.questions):
            self.answer(order_id, is_yes=False)

    def place(self, placing: Placing) -> None:
        """Who decides from now on."""
        session, view = self._session(), self._windows.view
        if session is not None:
            session.place(placing)
            self._kept.change_account(view.account, placing=placing)
            self._windows.show(msgspec.structs.replace(view, placing=placing))

    def want_mode(self, mode: Mode) -> None:
        """PAPER at once; LIVE after its risks."""
        session, limits = self._session(), self._windows.limits
        self._windows.show(self._windows.view)
        if mode is Mode.PAPER:
            return self._use(mode)
        missing = [] if session is None else session.missing_limits()
        if not missing:
            return to_front(self._windows.live)
        self.open_limits()
        return limits.say(
            lambda: _("Before LIVE, set these limits: {names}").format(names=" · ".join(map(words.rule, missing)))
        )

    def accept(self) -> None:
        """The risks of LIVE were read: it is on."""
        session = self._session()
        if session is not None:
            session.accept_risks()
            self._use(Mode.LIVE)

    def stake(self, amount: int) -> None:
        """The stake of the next order."""
        self.rule("stake", str(amount))

    def open_limits(self) -> None:
        """The limits as they are."""
        session = self._session()
        if session is not None:
            own = session.controls.rules()
            self._windows.limits.show_rules({key: written(own, key) for key in SHOWN})
            to_front(self._windows.limits)

    def rule(self, key: str, text: str) -> None:
        """A limit, from the next order on; why not is said beside it."""
        session, limits = self._session(), self._windows.limits
        if session is None:
            return None
        try:
            refused = session.set_rule(key, text)
        except BadRule as error:
            takes = error.takes
            return limits.say(lambda: _("{}: wants {}.").format(words.rule(key), _(takes)))
        limits.say(lambda: "" if refused is None else words.why(refused.reason))
        if refused is not None and key in limits.fields:
            limits.show_rule(key, written(session.controls.rules(), key))
        return self._changed()

    def resolve(self, order_id: int, outcome: Outcome) -> None:
        """What became of an unknown order, by the person's word."""
        session = self._session()
        if session is not None:
            session.resolve(order_id, outcome)

    def answer(self, order_id: int, is_yes: bool) -> None:
        """The answer to a question."""
        session = self._session()
        if session is not None:
            session.decisions.answer(order_id, is_yes)

    def _use(self, mode: Mode) -> None:
        session = self._session()
        if session is not None:
            session.use(mode)
            self._changed()
