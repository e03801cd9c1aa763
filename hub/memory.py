"""How this process collects garbage: seldom, and not what was there from the start.

Ten thousand connections are some hundred thousand objects that live for hours. With Python's defaults every few
thousand allocations of a connect storm walk through all of them: measured, a third of the cost of a connect.
Pauses are in `bn_hub_gc_pause_seconds`.
"""

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 100)


def tune() -> None:
    """Call once, after the imports and before the first connection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
