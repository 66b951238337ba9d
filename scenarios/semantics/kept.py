"""Frames that are worked out of a scenario once, however often they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from weakref import WeakKeyDictionary

import pandas as pd

from scenarios.scenario import Scenario

Read = Callable[[Scenario], pd.DataFrame]


def kept(read: Read) -> Read:
    """Return `read`, which then works a frame out once for each scenario, as long as that lives.

    A scenario does not change; what is returned may be changed without harm.
    """
    held: WeakKeyDictionary[Scenario, pd.DataFrame] = WeakKeyDictionary()

    @wraps(read)
    def once(scenario: Scenario) -> pd.DataFrame:
        frame = held.get(scenario)
        if frame is None:
            frame = held[scenario] = read(scenario)
        return frame.copy(deep=False)

    return once
