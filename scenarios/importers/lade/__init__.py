"""Pickups of LaDe, the last-mile delivery data of Cainiao, as a scenario for the routing stage.

Parcels that couriers fetched in Chongqing, Hangzhou, Jilin, Shanghai and Yantai (Wu et al.,
"LaDe", KDD 2024, arXiv 2306.10675): places, promised windows, couriers and regions are real.
Vans, depots and parcel sizes are not in the file; docs/data/lade.md says what is assumed.
"""

from __future__ import annotations

from scenarios.importers.lade.build import Imported, import_file, read
from scenarios.importers.lade.report import City, ImportReport

__all__ = ["City", "ImportReport", "Imported", "import_file", "read"]
