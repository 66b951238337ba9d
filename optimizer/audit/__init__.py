"""The referee: recomputes feasibility and cost from the facts, one file per stage; sees no solver."""
