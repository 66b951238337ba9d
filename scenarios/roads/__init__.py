"""Measured distances for a scenario: from an OSRM-compatible service, or from a file.

Nothing here is called while a plan is made. What is measured becomes rows of the table
`distances`, so that a plan follows from its scenario alone.
"""

from __future__ import annotations

from scenarios.roads.filling import UNREACHABLE, places_of, with_distances
from scenarios.roads.matrix_file import read_matrix_file
from scenarios.roads.osrm import OsrmTable

__all__ = ["UNREACHABLE", "OsrmTable", "places_of", "read_matrix_file", "with_distances"]
