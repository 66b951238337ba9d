"""A placement to begin from: that of a plan of the same batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.problem import SourcingProblem


def start_placement(
    problem: SourcingProblem, upstream: Mapping[str, pd.DataFrame]
) -> Placement | None:
    """Return the placement that a plan's shipments say; None without any.

    Orders of which something is decided stay out, and so do those with a line in several parcels
    and those of which a source is not there any more, or is several.
    """
    parcels, packed = upstream.get("shipments"), upstream.get("shipment_lines")
    if parcels is None or packed is None or not len(parcels):
        return None
    names = problem.site_ids.tolist()
    site_of = {name: k for k, name in enumerate(names) if names.count(name) == 1}
    group_of = {name: k for k, name in enumerate(problem.resources.carrier_id.tolist()) if k}
    order_of = {name: k for k, name in enumerate(problem.orders.order_id.tolist())}
    first = problem.orders.first_piece
    piece_of: dict[tuple[int, str], int] = {}
    twice: set[int] = set()
    of_line = np.repeat(np.arange(problem.n_pieces), np.diff(problem.pieces.first_line))
    for piece, line in zip(of_line.tolist(), problem.lines.line_id.tolist(), strict=True):
        key = (int(problem.pieces.order[piece]), str(line))
        twice |= {key[0]} if key in piece_of else set()
        piece_of[key] = piece
    facts = parcels.set_index("shipment_id")[["order_id", "site_id", "carrier_id"]]
    placement = Placement(
        np.full(problem.n_pieces, LEFT, np.int64),
        np.zeros(problem.n_pieces, np.int64),
        np.zeros(problem.n_pieces, np.int64),
    )
    gone: set[int] = set(twice)
    for shipment, rows in packed.groupby("shipment_id", sort=True):
        order_id, site_id, carrier = facts.loc[shipment]
        order = order_of.get(order_id)
        if order is None or order_id in problem.decided:
            continue
        pieces = [piece_of.get((order, str(line)), -1) for line in rows["line_id"]]
        if site_id not in site_of or min(pieces) < 0:
            gone.add(order)
            continue
        placement.site[pieces] = site_of[site_id]
        placement.label[pieces] = min(pieces) - first[order]
        placement.group[pieces] = group_of.get(carrier, 0)
    placement.site[np.isin(problem.pieces.order, sorted(gone))] = LEFT
    return placement
