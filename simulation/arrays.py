"""Names for the kinds of arrays that the simulator is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Units = NDArray[np.int32]  # whole selling units, or whole ticks
Places = NDArray[np.int64]  # positions in another array
Sums = NDArray[np.int64]  # sums of units, or money in fixed point
Keys = NDArray[np.uint64]  # counters of the random numbers
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
