"""A shape for each state, told apart without its colour: tray, title and sentence share them.

The invariant: no two states have one outline.
"""

from collections.abc import Callable
from typing import Final

import segno
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QIcon, QImage, QPainter, QPen, QPixmap, QPolygonF

from agent.ui.sentences import Tone

SIZES: Final = (16, 22, 32, 64)
LIGHTER: Final = 0.6
"""From here on white is not seen on a colour."""


def icon(tone: Tone, colour: str) -> QIcon:
    """In the sizes that trays ask for."""
    made = QIcon()
    for size in SIZES:
        made.addPixmap(pixmap(tone, colour, size))
    return made


def pixmap(tone: Tone, colour: str, size: int, density: float = 1.0) -> QPixmap:
    """One size of it, sharp on a screen with so many pixels to one."""
    picture = QPixmap(round(size * density), round(size * density))
    picture.setDevicePixelRatio(density)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 16, size / 16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    _SHAPES[tone](painter, QColor(colour))
    painter.end()
    return picture


def qr_code(text: str, scale: int = 6) -> QPixmap:
    """Dark on light whatever the theme is: phones want it so."""
    code = segno.make(text, error="m")
    rows = [bytes(255 if not module else 0 for module in row) for row in code.matrix_iter(border=4)]
    side = len(rows)
    image = QImage(b"".join(rows), side, side, side, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image.scaled(side * scale, side * scale))


def _on(colour: QColor) -> QColor:
    """What can be seen on it."""
    return QColor("white" if colour.lightnessF() < LIGHTER else "#161b23")


def _disc_with_tick(painter: QPainter, colour: QColor) -> None:
    painter.drawEllipse(QRectF(1, 1, 14, 14))
    painter.setPen(QPen(_on(colour), 2))
    painter.drawPolyline(QPolygonF([QPointF(4.2, 8.2), QPointF(7, 11), QPointF(11.8, 5.2)]))


def _ring_with_mark(painter: QPainter, colour: QColor) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 2))
    painter.drawEllipse(QRectF(2, 2, 12, 12))
    painter.setPen(QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawArc(QRectF(5.6, 4.4, 4.8, 4.4), -60 * 16, 240 * 16)
    painter.drawPoint(QPointF(8, 11.6))


def _two_bars(painter: QPainter, _colour: QColor) -> None:
    painter.drawRect(QRectF(3, 2, 3.6, 12))
    painter.drawRect(QRectF(9.4, 2, 3.6, 12))


def _octagon(painter: QPainter, colour: QColor) -> None:
    corners = [(5, 1), (11, 1), (15, 5), (15, 11), (11, 15), (5, 15), (1, 11), (1, 5)]
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
    painter.setBrush(_on(colour))
    painter.drawRect(QRectF(4, 6.8, 8, 2.4))


def _crossed_ring(painter: QPainter, colour: QColor) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 2))
    painter.drawEllipse(QRectF(2, 2, 12, 12))
    painter.drawLine(QPointF(3.8, 12.2), QPointF(12.2, 3.8))


def _triangle(painter: QPainter, colour: QColor) -> None:
    painter.drawPolygon(QPolygonF([QPointF(8, 1), QPointF(15.4, 14.6), QPointF(0.6, 14.6)]))
    painter.setBrush(_on(colour))
    painter.drawRect(QRectF(7.1, 5.4, 1.8, 4.8))
    painter.drawRect(QRectF(7.1, 11.4, 1.8, 1.8))


_SHAPES: Final[dict[Tone, Callable[[QPainter, QColor], None]]] = {
    Tone.GOOD: _disc_with_tick,
    Tone.ASKS: _ring_with_mark,
    Tone.PAUSED: _two_bars,
    Tone.HALTED: _octagon,
    Tone.OFFLINE: _crossed_ring,
    Tone.NEEDS_YOU: _triangle,
}
