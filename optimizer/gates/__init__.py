"""Tests that a plan must pass before it is published: read from gates.toml, judged, on record.

Judging is pure: a plan, yesterday's plan and what was noticed about the data go in, a judgement
comes out. No solver is loaded, nothing is written.
"""

from optimizer.gates.evidence import Dated, Evidence, finding_counts
from optimizer.gates.judge import judge
from optimizer.gates.judgement import Judgement, Override, Result, overridden
from optimizer.gates.reading import load_gates, read_gates
from optimizer.gates.referee import audited_again
from optimizer.gates.spec import Gate, GateSet, usual_gates

__all__ = [
    "Dated",
    "Evidence",
    "Gate",
    "GateSet",
    "Judgement",
    "Override",
    "Result",
    "audited_again",
    "finding_counts",
    "judge",
    "load_gates",
    "overridden",
    "read_gates",
    "usual_gates",
]
