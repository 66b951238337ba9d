"""What `make demo` runs: write a built-in scenario, plan it, stress the plan, say what is where."""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from api.cli.app import invoke
from api.cli.console import Exit, out

SCENARIO = "double-eleven"


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return an exit code of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo"))
    folder: Path = parser.parse_args(arguments).out
    if folder.exists():
        shutil.rmtree(folder)
    scenario, plan = folder / "scenario", folder / "plan"
    console = out()
    started = time.perf_counter()
    steps = (
        ("The scenario", ["demo-scenario", SCENARIO, "--out", str(scenario)]),
        ("The plan", ["plan", str(scenario), "--out", str(plan)]),
        ("The stress test", ["stress", str(scenario), "--plan", str(plan)]),
    )
    for title, command in steps:
        console.rule(f"[bold]{title}[/]: holdfast {' '.join(command)}")
        code = invoke(command)
        if code not in (Exit.FINE, Exit.GATE_FAILED):
            return code
    console.rule("[bold]Where things are[/]")
    console.print(f"scenario   {scenario}   (open any of its files in Excel)")
    console.print(f"plan       {plan}")
    console.print("service    .venv/bin/holdfast serve, then open http://127.0.0.1:8000")
    console.print(f"took {time.perf_counter() - started:.1f} s")
    return Exit.FINE


if __name__ == "__main__":
    raise SystemExit(main())
