"""The referee: recomputes feasibility and cost from the facts; sees no solver."""
