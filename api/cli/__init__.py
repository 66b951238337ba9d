"""The command line: `holdfast ...`."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the exit code says how it went (see api.cli.app)."""
    from api.cli.app import run

    run()
