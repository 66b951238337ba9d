"""Measurements on public instances: ``python -m benchmarks NAME --help``."""
