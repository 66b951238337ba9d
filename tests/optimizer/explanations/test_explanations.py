"""Explanations add up, name real cells, and fail their check when anything is changed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from optimizer.explanations.check import check_explanations, check_told, decision_ids
from optimizer.explanations.explain import EXPLAINERS, Explainer
from optimizer.explanations.ledger import replayed, written
from optimizer.explanations.record import Explanation, Factor, Sum, term
from optimizer.explanations.sentences import LANGUAGES, Teller
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import NotFound, Scenario


@pytest.fixture(scope="session")
def explainer(corner_shop: Scenario, corner_plan: Plan) -> Explainer:
    """Explains the corner shop's plan."""
    return Explainer(corner_shop, corner_plan)


@pytest.fixture(scope="session")
def told(explainer: Explainer) -> list[Explanation]:
    """All explanations of the corner shop's plan."""
    return list(explainer.every())


def test_every_decision_of_the_plan_is_explained(
    corner_plan: Plan, told: list[Explanation]
) -> None:
    """As many explanations as rows of the tables of decisions, each under its row's id."""
    wanted = [
        name for table in EXPLAINERS for name in decision_ids(table, corner_plan.table(table))
    ]
    assert sorted(explanation.decision_id for explanation in told) == sorted(wanted)
    assert len(set(wanted)) == len(wanted)


def test_the_whole_plan_checks_with_no_difference(corner_shop: Scenario, corner_plan: Plan) -> None:
    """Every cell, term, sum and objective of the corner shop comes out again."""
    count, faults = check_explanations(corner_shop, corner_plan)
    assert faults == []
    assert count == 30


def test_re_added_sums_differ_by_nothing(told: list[Explanation]) -> None:
    """Terms added up by hand give the plan's own figure to the cent."""
    for explanation in told:
        for part in explanation.sums:
            added = sum(term.value for term in part.terms)
            wanted = part.total if part.stated is None else part.stated.value
            assert round(added - wanted, 2) == 0.0, explanation.decision_id


@pytest.mark.slow
def test_the_retailers_plan_checks_with_no_difference(
    double_eleven: Scenario, double_plan: Plan
) -> None:
    """Some 5,000 decisions, rolling nights and transfers included."""
    count, faults = check_explanations(double_eleven, double_plan)
    assert faults == []
    assert count > 5_000


def test_a_network_and_positions_check(corner_shop: Scenario) -> None:
    """Sites, positions, cross serving and demand that is not worth serving are explained too."""
    made = plan(corner_shop, ["network", "positioning"], work=1.0)
    count, faults = check_explanations(corner_shop, made)
    assert faults == []
    assert count == sum(len(made.table(table)) for table in EXPLAINERS)


def changed(explanation: Explanation, place: int, part: Sum) -> Explanation:
    """Return an explanation with another sum."""
    sums = list(explanation.sums)
    sums[place] = part
    return dataclasses.replace(explanation, sums=tuple(sums))


def test_a_changed_term_is_found(
    corner_shop: Scenario, corner_plan: Plan, told: list[Explanation]
) -> None:
    """One cent in one term of one decision of each table fails the check of that decision."""
    bad, names = list(told), []
    for table in ("purchase_orders", "shipments", "unserved", "routes", "stops"):
        place = next(at for at, one in enumerate(told) if one.table == table)
        part = told[place].sums[0]
        wrong = dataclasses.replace(part.terms[0], value=part.terms[0].value + 0.01)
        other = dataclasses.replace(part, terms=(wrong, *part.terms[1:]))
        bad[place] = changed(told[place], 0, other)
        names.append(told[place].decision_id)
    _, faults = check_told(corner_shop, corner_plan, bad)
    for name in names:
        assert any(fault.startswith(name) for fault in faults), name


def test_a_changed_factor_is_found(
    corner_shop: Scenario, corner_plan: Plan, told: list[Explanation]
) -> None:
    """A factor that is not what its cell says fails, though the sum adds up."""
    place = next(at for at, one in enumerate(told) if one.table == "shipments")
    part = told[place].sums[0]
    factor = dataclasses.replace(part.terms[0].factors[0], value=99.0)
    wrong = dataclasses.replace(part.terms[0], value=99.0, factors=(factor,))
    other = dataclasses.replace(part, terms=(wrong,), total=99.0, stated=None)
    bad = [*told[:place], changed(told[place], 0, other), *told[place + 1 :]]
    _, faults = check_told(corner_shop, corner_plan, bad)
    assert any("base is" in fault for fault in faults)


@pytest.mark.parametrize("seller", ["MARKET", "FARM"])
def test_a_unit_moved_from_one_step_to_another_is_found(
    seller: str, corner_shop: Scenario, corner_plan: Plan, told: list[Explanation]
) -> None:
    """So it is at the farm, on whose units there is a cap that has no price: of the steps from
    the price on only that of the price is taken as told.
    """
    place = next(
        at
        for at, one in enumerate(told)
        if one.table == "purchase_orders" and f"-{seller}-" in one.decision_id
    )
    part, last = told[place].sums[0], told[place].sums[0].terms[-1]
    moved = {"order_multiple": 1.0, last.name: -1.0}
    assert last.name in ("price_break", "order_value_and_limits")
    steps = tuple(
        dataclasses.replace(one, value=one.value + moved.get(one.name, 0.0)) for one in part.terms
    )
    bad = list(told)
    bad[place] = changed(told[place], 0, dataclasses.replace(part, terms=steps))
    _, faults = check_told(corner_shop, corner_plan, bad)
    name = told[place].decision_id
    assert [fault.split(" is ")[0] for fault in faults] == [
        f"{name}: quantity: order_multiple",
        f"{name}: quantity: {last.name}",
    ]


def test_a_decision_left_out_is_found(
    corner_shop: Scenario, corner_plan: Plan, told: list[Explanation]
) -> None:
    """A plan of which one decision has no explanation is not explained."""
    _, faults = check_told(corner_shop, corner_plan, told[1:])
    assert f"{told[0].decision_id}: is not explained" in faults


def test_a_term_left_out_breaks_the_tie_to_the_objective(
    corner_shop: Scenario, corner_plan: Plan, told: list[Explanation]
) -> None:
    """A parcel without its handling adds up by itself, but not to the stage's objective."""
    place = next(at for at, one in enumerate(told) if one.table == "shipments")
    part = told[place].sums[1]
    kept = tuple(term for term in part.terms if term.name != "handling")
    other = dataclasses.replace(part, terms=kept, total=sum(term.value for term in kept))
    bad = [*told[:place], changed(told[place], 1, other), *told[place + 1 :]]
    _, faults = check_told(corner_shop, corner_plan, bad)
    assert any(fault.startswith("sourcing: decisions add up to handling") for fault in faults)


def test_a_plan_that_was_changed_is_found(corner_shop: Scenario, corner_plan: Plan) -> None:
    """A parcel whose cost was edited in the plan does not agree with its rate."""
    tables = dict(corner_plan.tables)
    parcels = tables["shipments"].copy()
    parcels.loc[0, "cost"] = parcels.loc[0, "cost"] + 1.0
    tables["shipments"] = parcels
    edited = Plan(corner_plan.provenance, tables)
    _, faults = check_explanations(corner_shop, edited)
    assert any("the plan states" in fault for fault in faults)


def test_coffee_is_bought_up_to_the_price_break(explainer: Explainer) -> None:
    """20 x 3.80 x 1.0154 = 77.17 of goods and 10 % duty = 84.89; packs of 5 alone would be 10."""
    one = explainer.one("purchase_orders:PO-20261012-FARM-W1/1")
    money = {term.name: term.value for term in one.sums[1].terms}
    assert money == pytest.approx({"goods": 77.169231, "duty": 7.716923})
    assert one.sums[1].total == pytest.approx(84.886154)
    assert one.binding["rule"] == "price_break"
    assert one.binding["value"] == 20.0


def test_both_languages_tell_the_same_numbers(
    told: list[Explanation], corner_shop: Scenario
) -> None:
    """Of every sum, English and Chinese show the same digits, each with its own words."""
    english, chinese = (Teller(language, "GBP") for language in LANGUAGES)
    for explanation in told:
        first, second = english.tell(explanation), chinese.tell(explanation)
        assert len(first) == len(second)
        for here, there in zip(first[1:2], second[1:2], strict=True):
            digits = [
                "".join(c for c in text if c.isdigit() or c in ".,") for text in (here, there)
            ]
            assert digits[0].strip(".,") == digits[1].strip(".,")


@pytest.mark.parametrize(
    ("language", "number", "money", "day"),
    [
        ("en", "1,234.5", "CNY 1,234.50", "11 Nov 2026"),
        ("zh", "1,234.5", "1,234.50元", "2026年11月11日"),
    ],
)
def test_numbers_money_and_dates_are_written_as_the_language_does(
    language: str, number: str, money: str, day: str
) -> None:
    """1234.5 as a number and as yuan, and the eleventh of November."""
    teller = Teller("zh" if language == "zh" else "en", "CNY")
    assert teller.number(1234.5) == number
    assert teller.money(1234.5) == money
    assert teller.date("2026-11-11T00:00:00") == day


@pytest.mark.parametrize(
    ("factors", "value", "said"),
    [
        ((3506.0, 0.0000267), "0.09", "(3,506 × 0.000027)"),
        ((1.0, 519.0, 0.0408313), "21.19", "(1 × 519 × 0.04083)"),
        ((20.0, 3.8, 1.0153846), "77.17", "(20 × 3.8 × 1.0154)"),
        ((-1.0, 6.0, 2.5), "15.00", "(6 × 2.5)"),
    ],
)
def test_printed_factors_multiply_up_to_the_printed_term(
    factors: tuple[float, ...], value: str, said: str
) -> None:
    """As few decimals, from four on, as give the cents that stand before the bracket."""
    one = term("goods", *(Factor("qty", factor) for factor in factors))
    part = Sum("cost", "money", (one,), one.value)
    text = Teller("en", "GBP").tell(
        Explanation("network:W1", "network", {"site_id": "W1", "status": "open",
                    "throughput_units": 1.0, "utilisation": 0.5}, (part,))
    )[1]  # fmt: skip
    assert f"{value} {said}" in text
    product = 1.0
    for number in said.strip("()").split(" × "):
        product *= float(number.replace(",", ""))
    assert f"{product:.2f}" == value


def test_an_unserved_line_says_rule_proof_and_remedy(explainer: Explainer) -> None:
    """12 of COFFEE are not there: penalty 12 x 9 x 5 / 5 = 108, proven, with what would help."""
    one = explainer.one("unserved:order_line/O4/1")
    assert one.sums[0].total == pytest.approx(108.0)
    assert one.binding["proof"] == "proven"
    assert "6 more of COFFEE" in str(one.binding["what_helps"])


def test_every_route_stop_parcel_and_unserved_line_names_another_way(
    told: list[Explanation],
) -> None:
    """Of the corner shop; ends of routes are no choice of their own."""
    tables = ("shipments", "unserved", "routes", "stops")
    without = [
        one.decision_id
        for one in told
        if one.table in tables and one.alternative is None and one.subject.get("kind") != "end"
    ]
    assert without == []


def test_an_unserved_line_would_save_its_penalty_less_what_sending_costs(
    explainer: Explainer,
) -> None:
    """Six more of COFFEE and O4/1 ships for 30.10 in place of a penalty of 108: 77.90 less."""
    other = explainer.one("unserved:order_line/O4/1").alternative
    assert other is not None
    assert other.extra_cost == pytest.approx(30.10 - 108.0)
    assert [term.value for term in other.terms] == pytest.approx([30.10, -108.0])


def test_a_parcel_that_no_other_site_could_send_would_stay(explainer: Explainer) -> None:
    """O3 at priority 1: 3 x 7.50 x 5 + 1 x 5 x 5 = 137.50 of penalty, less its own 3.20."""
    other = explainer.one("shipments:O3.1").alternative
    assert other is not None
    assert other.code == "stays"
    assert other.extra_cost == pytest.approx(137.5 - 3.2)


def with_other_ways(
    told: list[Explanation], wrong: Mapping[str, str], extra: float
) -> list[Explanation]:
    """Return explanations with a cent more in a term of some next-best choices."""
    changed = []
    for one in told:
        if one.decision_id in wrong and one.alternative is not None:
            terms = tuple(
                dataclasses.replace(part, value=part.value + 0.01)
                if part.name == wrong[one.decision_id]
                else part
                for part in one.alternative.terms
            )
            cost = one.alternative.extra_cost + extra
            other = dataclasses.replace(one.alternative, terms=terms, extra_cost=cost)
            changed.append(dataclasses.replace(one, alternative=other))
        else:
            changed.append(one)
    return changed


def test_a_next_best_choice_that_does_not_add_up_is_found(
    corner_shop: Scenario, corner_plan: Plan, told: list[Explanation]
) -> None:
    """A cent in one term, alone, is no longer the extra cost."""
    wrong = {
        "stops:2026-10-12/002/2": "without_stop",
        "routes:2026-10-12/002": "other_routes",
        "unserved:order_line/O4/1": "sending",
        "shipments:O3.1": "unserved",
    }
    _, faults = check_told(corner_shop, corner_plan, with_other_ways(told, wrong, 0.0))
    for name in wrong:
        assert any(fault.startswith(f"{name}: alternative: adds up") for fault in faults), name


def test_terms_of_a_next_best_choice_are_worked_out_again(
    corner_shop: Scenario, corner_plan: Plan, told: list[Explanation]
) -> None:
    """A cent in a term and in the extra cost adds up, and is still not what the tables say."""
    wrong = {
        "stops:2026-10-12/002/2": "left_out",
        "routes:2026-10-12/002": "route",
        "unserved:order_line/O4/1": "penalty",
        "shipments:O3.1": "parcel_saved",
    }
    _, faults = check_told(corner_shop, corner_plan, with_other_ways(told, wrong, 0.01))
    for name, part in wrong.items():
        assert any(fault.startswith(f"{name}: alternative: {part} is") for fault in faults), name


def test_an_unknown_decision_is_refused(explainer: Explainer) -> None:
    """Ids are those of rows; others are not found, and the message says how they look."""
    with pytest.raises(NotFound, match="purchase_orders:PO-1/1"):
        explainer.one("shipments:NOBODY")


def test_the_ledger_is_the_same_bytes_and_replays(explainer: Explainer, tmp_path: Path) -> None:
    """Written twice it is equal, and every line comes out of scenario and plan again."""
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    assert written(explainer, first) == 30
    written(explainer, second)
    assert first.read_bytes() == second.read_bytes()
    assert replayed(explainer, first) == (30, [])


def test_a_changed_ledger_does_not_replay(explainer: Explainer, tmp_path: Path) -> None:
    """A total that was edited, a decision that was cut, a line that is no JSON: each is named."""
    path = tmp_path / "a.jsonl"
    written(explainer, path)
    lines = path.read_text(encoding="utf-8").splitlines()
    document = json.loads(lines[0])
    document["sums"][0]["terms"][0]["value"] += 1.0
    lines[0] = json.dumps(document)
    path.write_text("\n".join([*lines[:-1], "{"]) + "\n", encoding="utf-8")
    _, faults = replayed(explainer, path)
    assert any("adds up to" in fault for fault in faults)
    assert any("cannot be read" in fault for fault in faults)
    assert any("the ledger does not have it" in fault for fault in faults)


def test_ids_of_flows_end_where_their_key_does() -> None:
    """A flow without future and period has neither in its id."""
    flow = pd.DataFrame(
        {
            "origin_id": ["A"],
            "destination_id": ["B"],
            "mode": ["road"],
            "product_id": ["TEA"],
            "demand_case": [None],
            "bucket": pd.to_datetime([None]),
        }
    )
    assert decision_ids("flows", flow) == ["flows:A>B/road/TEA"]


def test_lines_of_a_buyer_are_worked_out_again(corner_shop: Scenario) -> None:
    """Every step of a buyer's line comes out of the referee's stock, and a changed one does not."""
    made = plan(corner_shop, ["buyer"], work=0.2, options={"scope": "supplier:FARM"})
    told = list(Explainer(corner_shop, made).every())
    assert any(explanation.alternative is not None for explanation in told)
    for language in LANGUAGES:
        assert all(Teller(language, "GBP").tell(each) for each in told)
    count, faults = check_told(corner_shop, made, told)
    assert count == len(told) > 0
    assert faults == []
    first = told[0].sums[0]
    term = dataclasses.replace(first.terms[0], value=first.terms[0].value + 1.0)
    last = dataclasses.replace(first.terms[-1], value=first.terms[-1].value - 1.0)
    moved = dataclasses.replace(first, terms=(term, *first.terms[1:-1], last))
    wrong = dataclasses.replace(told[0], sums=(moved, *told[0].sums[1:]))
    assert check_told(corner_shop, made, [wrong, *told[1:]])[1]
