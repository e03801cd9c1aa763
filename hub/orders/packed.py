"""Numbers that change no more, in the least memory: four bytes each, or eight where one is that large. In a set each
takes ten times as much.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

_LARGEST_OF_FOUR: Final = 2**32 - 1


class Packed:
    """A set of numbers from 0 on, to be looked up in."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        ordered = sorted(numbers)
        is_small = not ordered or ordered[-1] <= _LARGEST_OF_FOUR
        self._numbers = array("I" if is_small else "Q", ordered)

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packed) and self._numbers == other._numbers

    def __hash__(self) -> int:
        return hash(self._numbers.tobytes())
