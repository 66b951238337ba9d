"""docs/answers.md shows what the commands print now."""

from __future__ import annotations

import pytest

from optimizer.plan import Plan
from tools.answers import PAGE, page


@pytest.mark.slow
def test_the_page_of_answers_is_what_the_commands_print(corner_plan: Plan) -> None:
    """Run again on the corner shop, every command prints what stands on the page."""
    assert page(corner_plan) == PAGE.read_text(encoding="utf-8")
