"""What every form of a scenario comes down to before it is read: settings and raw tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scenarios.files.settings_form import RawSetting
from scenarios.normalise import RawTable


@dataclass(frozen=True, slots=True)
class RawScenario:
    """A scenario as a file holds it.

    Attributes
    ----------
    settings : by the key as given; None where the file has none
    tables : read one after the other, so that only one is held raw
    """

    settings: Mapping[str, RawSetting] | None
    tables: Iterable[RawTable]
