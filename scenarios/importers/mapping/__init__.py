"""Files of other systems made into a scenario by a mapping that anybody can read and write."""

from scenarios.importers.mapping.rows import TableReport
from scenarios.importers.mapping.run import Mapped, import_files
from scenarios.importers.mapping.spec import ImportMapping, load_mapping, read_mapping, ready_names

__all__ = [
    "ImportMapping",
    "Mapped",
    "TableReport",
    "import_files",
    "load_mapping",
    "read_mapping",
    "ready_names",
]
