"""The Online Retail file of the UCI Machine Learning Repository (data set 352) as a scenario.

A firm in the United Kingdom sells giftware, mostly to shops: half a million invoice lines from
December 2010 to December 2011 (Daqing Chen, London South Bank University; CC BY 4.0). Sales,
products, countries and orders are real; what the file lacks is filled in by seeded rules. Which
column is which stands in `provenance` and in docs/data/online-retail.md.
"""

from __future__ import annotations

from scenarios.importers.online_retail.build import Imported, import_file, read
from scenarios.importers.online_retail.report import Defect, ImportReport, Size

__all__ = ["Defect", "ImportReport", "Imported", "Size", "import_file", "read"]
