"""Numbers that loops scramble and thin with: a compiled function cannot call a plain one."""

from __future__ import annotations

import numpy as np

FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
S27 = np.uint64(27)
S30 = np.uint64(30)
S31 = np.uint64(31)
S33 = np.uint64(33)
S44 = np.uint64(44)
S48 = np.uint64(48)
S54 = np.uint64(54)
TEN_BITS = np.uint64(1023)
SIXTEEN_BITS = np.uint64(0xFFFF)
EXACT_THINNING = 256  # demand above it is thinned in one stroke
DRAWN_APART = 256  # orders of one tick above it are left in proportion
