"""A variant: the hash of its parent and what is changed; never a copy edited by hand."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from scenarios.deltas.apply import apply
from scenarios.deltas.compare import diff
from scenarios.deltas.delta import Delta
from scenarios.errors import Conflict
from scenarios.scenario import Scenario


class Variant(BaseModel):
    """A what-if on one scenario.

    Attributes
    ----------
    parent_hash : `content_hash` of the scenario that it changes
    deltas : what it changes, in order
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parent_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    deltas: tuple[Delta, ...] = ()

    @classmethod
    def between(cls, parent: Scenario, child: Scenario) -> Variant:
        """Return the variant that turns one scenario into the other, up to the order of rows."""
        return cls(parent_hash=parent.content_hash, deltas=diff(parent, child).deltas())

    def build(self, parent: Scenario) -> Scenario:
        """Return the scenario of the variant.

        Raises
        ------
        Conflict
            The parent is not the scenario that the variant was made for.
        InputError
            A delta cannot be applied.
        """
        if parent.content_hash != self.parent_hash:
            raise Conflict(
                f"the variant was made for scenario {self.parent_hash[:12]}, this one is"
                f" {parent.content_hash[:12]}: take that one, or merge"
            )
        return apply(parent, self.deltas)
