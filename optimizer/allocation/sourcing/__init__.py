"""Order sourcing: prices on stock, docks and carriers; each order at its own least cost."""
