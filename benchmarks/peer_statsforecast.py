"""Runs inside the peer's environment: statsforecast on series handed over as a file.

    python peer_statsforecast.py SALES.npy SAID.npz HORIZON SEASON

It imports nothing of Holdfast. Weeks before a series begins are left out.
"""

import importlib.metadata
import sys
import time

import numpy as np
from statsforecast.models import TSB, AutoETS, CrostonSBA, SimpleExponentialSmoothingOptimized


def main(given: str, told: str, horizon: int, season: int) -> None:
    """Forecast every series with every model, one core."""
    sales = np.load(given)
    models = {
        "SES (optimised)": SimpleExponentialSmoothingOptimized,
        "TSB": lambda: TSB(0.1, 0.05),
        "Croston SBA": CrostonSBA,
        "AutoETS": lambda: AutoETS(season_length=season if season <= 24 else 1),
    }
    found: dict[str, object] = {"version": importlib.metadata.version("statsforecast")}
    for name, make in models.items():
        said = np.zeros((len(sales), horizon))
        make().forecast(y=np.arange(20.0) % 3, h=horizon)  # compile before the clock starts
        began = time.perf_counter()
        for row, series in enumerate(sales):
            known = series[~np.isnan(series)]
            if len(known) >= 4:
                said[row] = np.maximum(make().forecast(y=known, h=horizon)["mean"], 0.0)
        found[f"{name} seconds"] = time.perf_counter() - began
        found[name] = said
    np.savez(told, **found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
