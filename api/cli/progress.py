"""Bars of progress on a terminal: a line for each stage, with what it said last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from api.cli.console import err
from api.cli.words import named, told

if TYPE_CHECKING:
    from rich.console import Console


class StageBars:
    """A bar for each stage: how far it is, the best plan so far where it says one, and the time.

    Nothing is written where standard error is no terminal, or where the caller is to be quiet.

    Parameters
    ----------
    quiet : write nothing, as beside `--json`
    console : where to write; standard error by default
    """

    def __init__(self, *, quiet: bool, console: Console | None = None) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        console = console or err()
        line = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._bar = Progress(
            TextColumn("{task.fields[stage]:<13}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.description}", markup=False, table_column=line),
            TimeElapsedColumn(),
            console=console,
            expand=True,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._tasks: dict[str, Any] = {}

    def show(self, stage: str, share: float, message: str = "") -> None:
        """Show one step of a stage."""
        if self._bar.disable:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task("", total=1.0, stage=named(stage))
        self._bar.update(self._tasks[stage], completed=min(share, 1.0), description=told(message))

    def __enter__(self) -> Self:
        """Start the bars."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the bars; the terminal shows none of them afterwards."""
        self._bar.stop()
