"""Runs inside the peer's environment: SupplyNetPy, one product a network, one network a product.

    python peer_supplynetpy.py PRODUCTS DAYS

It imports nothing of Holdfast. Prints one line of JSON.
"""

import contextlib
import importlib.metadata
import io
import json
import sys
import time

import numpy as np
import SupplyNetPy.Components as scm  # noqa: N813 - its own examples call it so


def main(n_products: int, n_days: int) -> None:
    """Simulate shops with an (s, S) policy, Poisson demand a day and random lead times."""
    g = np.random.default_rng(1)
    seconds = 0.0
    for _ in range(n_products):
        demand = iter(np.maximum(g.poisson(5.0, n_days + 2), 1).tolist())
        nodes = [
            {"ID": "V1", "name": "V", "node_type": "infinite_supplier"},
            {
                "ID": "S1", "name": "S", "node_type": "retailer", "capacity": 1000,
                "initial_level": 40, "inventory_holding_cost": 0.1,
                "replenishment_policy": scm.SSReplenishment, "policy_param": {"s": 39, "S": 40},
                "product_buy_price": 1, "product_sell_price": 2,
            },
        ]  # fmt: skip
        links = [
            {"ID": "L1", "source": "V1", "sink": "S1", "cost": 1,
             "lead_time": lambda: float(g.gamma(4.0, 1.0))},
        ]  # fmt: skip
        demands = [
            {"ID": "D1", "name": "D", "order_arrival_model": lambda: 1,
             "order_quantity_model": lambda of=demand: next(of), "demand_node": "S1"},
        ]  # fmt: skip
        began = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            net = scm.create_sc_net(nodes=nodes, links=links, demands=demands)
            scm.simulate_sc_net(net, sim_time=n_days, logging=False)
        seconds += time.process_time() - began
    found = {
        "version": importlib.metadata.version("supplynetpy"),
        "seconds": seconds,
        "cells": n_products * n_days,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
