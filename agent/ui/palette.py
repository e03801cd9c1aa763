"""The colours, by name, for light and dark; Fusion's widgets dressed in them.

The invariants: every text stands on its background with a contrast of 4.5 at least; the colours of profit and loss are
nobody else's, and a colour is never the only sign.
"""

from typing import Final, Literal

import msgspec
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication, QStyleFactory

from agent.ui.sentences import Tone

CJK: Final = ("Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei UI", "Microsoft YaHei", "PingFang SC", "SimSun")


class Colours(msgspec.Struct, frozen=True):
    """Named colours of one scheme."""

    is_dark: bool
    window: str
    surface: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    good: str
    asks: str
    paused: str
    halted: str
    offline: str
    needs_you: str
    unknown: str
    red: str
    green: str

    def of(self, tone: Tone) -> str:
        """The colour of a state."""
        return str(getattr(self, tone.name.lower()))

    def gain(self, is_red_up: bool) -> str:
        """The colour of a profit."""
        return self.red if is_red_up else self.green

    def loss(self, is_red_up: bool) -> str:
        """The colour of a loss."""
        return self.green if is_red_up else self.red


LIGHT: Final = Colours(
    is_dark=False,
    window="#f3f5f8",
    surface="#ffffff",
    raised="#e6eaf0",
    line="#c3cad5",
    text="#1a2230",
    muted="#505c6e",
    accent="#1d5fbf",
    on_accent="#ffffff",
    good="#1d5fbf",
    asks="#6a3fb5",
    paused="#505c6e",
    halted="#8a2f6b",
    offline="#505c6e",
    needs_you="#9a5200",
    unknown="#8a2f6b",
    red="#b3261e",
    green="#12723f",
)
DARK: Final = Colours(
    is_dark=True,
    window="#161b23",
    surface="#263042",
    raised="#36435a",
    line="#5a6880",
    text="#e8edf4",
    muted="#a9b4c4",
    accent="#7db2ff",
    on_accent="#0d1624",
    good="#7db2ff",
    asks="#c3a6ff",
    paused="#a9b4c4",
    halted="#f09bd0",
    offline="#a9b4c4",
    needs_you="#ffb95c",
    unknown="#f09bd0",
    red="#ff8a80",
    green="#6fd39b",
)

Theme = Literal["system", "light", "dark"]


def colours_for(theme: Theme) -> Colours:
    """The scheme that was chosen, or the system's."""
    hints = QGuiApplication.styleHints()
    is_dark = hints is not None and hints.colorScheme() == Qt.ColorScheme.Dark
    return {"light": LIGHT, "dark": DARK}.get(theme, DARK if is_dark else LIGHT)


def dress(app: QApplication, colours: Colours) -> None:
    """Put the whole program into these colours; what is larger than the text grows with the text."""
    app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(_palette(colours))
    app.setStyleSheet(_sheet(colours, app.font().pointSizeF()))


def has_chinese_font(families: list[str]) -> bool:
    """Whether Chinese can be shown and not only boxes."""
    return any("CJK" in family or family in CJK for family in families)


def _palette(colours: Colours) -> QPalette:
    palette, roles = QPalette(), QPalette.ColorRole
    for role, colour in {
        roles.Window: colours.window,
        roles.WindowText: colours.text,
        roles.Base: colours.surface,
        roles.AlternateBase: colours.window,
        roles.Text: colours.text,
        roles.Button: colours.raised,
        roles.ButtonText: colours.text,
        roles.BrightText: colours.red,
        roles.Highlight: colours.accent,
        roles.HighlightedText: colours.on_accent,
        roles.Link: colours.accent,
        roles.PlaceholderText: colours.muted,
        roles.ToolTipBase: colours.surface,
        roles.ToolTipText: colours.text,
        roles.Mid: colours.line,
    }.items():
        palette.setColor(role, QColor(colour))
    for role in (roles.Text, roles.ButtonText, roles.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours.muted))
    return palette


def _sheet(colours: Colours, text_pt: float) -> str:
    large, larger, largest = (round(size * text_pt, 1) for size in (1.45, 1.55, 1.65))
    return f"""
    QLabel#sentence {{ font-size: {largest}pt; font-weight: 600; }}
    QLabel#heading {{ font-size: {large}pt; font-weight: 600; }}
    QLabel#group {{ font-weight: 600; padding-top: 8px; }}
    QLabel#muted {{ color: {colours.muted}; }}
    QLabel#problem {{ color: {colours.needs_you}; font-weight: 600; }}
    QLabel[refuses="true"] {{ color: {colours.needs_you}; font-weight: 600; }}
    QLabel#mode {{ font-weight: 700; font-size: {large}pt; padding: 8px 14px; border-radius: 6px;
        border: 2px solid {colours.line}; }}
    QLabel#mode[live="true"] {{ background: {colours.text}; color: {colours.window}; border-color: {colours.text}; }}
    QFrame#banner {{ background: {colours.surface}; border: 1px solid {colours.line}; border-radius: 6px; }}
    QGroupBox {{ background: {colours.surface}; border: 1px solid {colours.line}; border-radius: 6px;
        margin-top: 1.7em; }}
    QGroupBox::title {{ subcontrol-origin: margin; subcontrol-position: top left; left: 2px; top: 2px;
        color: {colours.muted}; }}
    QPushButton, QTabBar, QCheckBox, QRadioButton {{ outline: 0; }}
    QPushButton {{ padding: 5px 12px; background: {colours.raised}; color: {colours.text}; border-radius: 4px;
        border: 1px solid {colours.line}; }}
    QPushButton:hover {{ border-color: {colours.muted}; }}
    QPushButton:pressed {{ background: {colours.line}; }}
    QPushButton:disabled {{ color: {colours.muted}; background: {colours.window}; }}
    QPushButton:focus {{ border: 2px solid {colours.accent}; padding: 4px 11px; }}
    QCheckBox, QRadioButton {{ border: 1px solid transparent; border-radius: 3px; padding: 1px 2px; }}
    QCheckBox:focus, QRadioButton:focus {{ border-color: {colours.accent}; }}
    QPushButton#stop {{ font-size: {larger}pt; font-weight: 700; padding: 10px 26px; border-radius: 6px;
        background: {colours.needs_you}; color: {colours.window}; border: 2px solid {colours.needs_you}; }}
    QPushButton#stop[places="true"] {{ background: {colours.accent}; color: {colours.on_accent};
        border-color: {colours.accent}; }}
    QPushButton#stop:focus {{ border: 2px solid {colours.text}; }}
    QPushButton#stop:disabled {{ background: {colours.raised}; color: {colours.muted}; border-color: {colours.line}; }}
    QPushButton#refuse {{ font-weight: 600; padding: 6px 16px; border: 2px solid {colours.muted}; border-radius: 4px;
        background: {colours.raised}; color: {colours.text}; }}
    QPushButton#refuse:focus {{ border-color: {colours.text}; }}
    QLabel#code[framed="true"] {{ border: 1px solid {colours.line}; border-radius: 6px; }}
    QPushButton#main {{ background: {colours.accent}; color: {colours.on_accent}; font-weight: 600;
        border: 2px solid {colours.accent}; border-radius: 4px; padding: 6px 16px; }}
    QPushButton#main:focus {{ border: 2px solid {colours.text}; }}
    QPushButton#main:disabled {{ background: {colours.raised}; color: {colours.muted};
        border-color: {colours.line}; }}
    QTabWidget::pane {{ border: 1px solid {colours.line}; top: -1px; }}
    QTabBar::tab {{ padding: 6px 14px; margin-right: 2px; background: {colours.raised}; color: {colours.text};
        border: 1px solid {colours.line}; border-top-left-radius: 5px; border-top-right-radius: 5px; }}
    QTabBar::tab:selected {{ background: {colours.surface}; border-bottom: 2px solid {colours.accent}; }}
    QTabBar::tab:selected:focus {{ border: 2px solid {colours.accent}; }}
    QHeaderView::section {{ padding: 4px 6px; background: {colours.raised}; color: {colours.text};
        border: 0; border-right: 1px solid {colours.line}; }}
    QProgressBar {{ border: 1px solid {colours.line}; border-radius: 3px; background: {colours.raised};
        max-height: 8px; min-height: 8px; }}
    QProgressBar::chunk {{ background: {colours.accent}; border-radius: 2px; }}
    QProgressBar[refuses="true"]::chunk {{ background: {colours.needs_you}; }}
    {_outlines(colours, round(1.4 * text_pt)) if colours.is_dark else ""}
    """


def _outlines(colours: Colours, side: int) -> str:
    """Fusion draws outlines darker than the window, which nobody sees where that is dark."""
    dot = f"qradialgradient(cx: 0.5, cy: 0.5, radius: 0.5, fx: 0.5, fy: 0.5, stop: 0 {colours.accent},"
    dot += f" stop: 0.5 {colours.accent}, stop: 0.6 {colours.surface}, stop: 1 {colours.surface})"
    return f"""
    QLineEdit {{ border: 1px solid {colours.line}; border-radius: 3px; padding: 2px; background: {colours.surface}; }}
    QLineEdit:focus {{ border-color: {colours.accent}; }}
    QLineEdit#qt_spinbox_lineedit {{ border: 0; padding: 0; }}
    QCheckBox::indicator, QRadioButton::indicator {{ width: {side}px; height: {side}px;
        border: 1px solid {colours.muted}; background: {colours.surface}; }}
    QRadioButton::indicator {{ border-radius: {side // 2 + 1}px; }}
    QCheckBox::indicator:checked {{ width: {side - 6}px; height: {side - 6}px; padding: 3px;
        background: {colours.accent}; background-clip: content; }}
    QRadioButton::indicator:checked {{ background: {dot}; }}
    """
