"""Wire models of runs: what they are asked for, and how they stand."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import Field

from api.schemas.wire import Label, Moment, Wire

RunKind = Literal[
    "pipeline",
    "forecasting",
    "replenishment",
    "allocation",
    "routing",
    "stress",
    "harden",
    "what_if",
    "comparison",
    "promotion",
    "nightly",
]
RunState = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]


class RunOptions(Wire):
    """What a run may spend, and what it starts from."""

    time_limit: Annotated[
        dt.timedelta | None, Field(description="ISO 8601 duration of all solving, as in PT5M")
    ] = None
    work: Annotated[
        float | None, Field(gt=0, le=1e9, description="deterministic work instead of time")
    ] = None
    seed: Annotated[int | None, Field(ge=0, lt=2**53)] = None
    replications: Annotated[int | None, Field(ge=2, le=100_000)] = None
    scope: Annotated[
        str | None,
        Field(max_length=200, description="of stage buyer: supplier:ID or category:NAME"),
    ] = None
    measure: Annotated[
        Literal["expected", "worst", "regret"] | None,
        Field(description="of stage network, over its futures; blank: expected"),
    ] = None
    single_source: Annotated[
        bool, Field(description="of stage network: one site serves each place")
    ] = False
    periods: Annotated[
        Literal["bucket", "month", "quarter"] | None,
        Field(description="of stage network: flows and stock by period; blank: the horizon is one"),
    ] = None
    solver: Annotated[
        Literal["cbc", "highs", "scip", "gurobi", "cplex", "xpress", "copt"] | None,
        Field(description="of stage network: who looks for solutions; blank: our own search"),
    ] = None
    export: Annotated[
        Literal["lp", "mps"] | None,
        Field(
            description="of stage network: keep the problem too, as plan file network.lp or .mps"
        ),
    ] = None
    until: Annotated[
        dt.date | None,
        Field(description="of stage positioning: day through which stock is to last"),
    ] = None
    stock_value: Annotated[
        bool, Field(description="of stage sourcing: the stock that is shipped counts at its cost")
    ] = False
    previous: Annotated[
        str | None,
        Field(max_length=80, description="of stage rerouting: id of the plan that is being driven"),
    ] = None
    move_price: Annotated[
        float | None,
        Field(
            ge=0, lt=1e12, description="of stage rerouting: money for a stop that changes its van"
        ),
    ] = None
    validate_only: bool = False


class ComparisonOptions(Wire):
    """What is compared with a baseline, and how."""

    candidates: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=80)]],
        Field(min_length=1, max_length=20, description="ids of plans"),
    ]
    shapley: Annotated[
        bool, Field(description="drivers' mean over all orders; at most six groups of changes")
    ] = False
    waterfall: Annotated[
        bool, Field(description="plan after every group of changes, to say what drives the cost")
    ] = True
    weights: Annotated[
        list[Annotated[float, Field(ge=0, le=1e9)]] | None,
        Field(max_length=21, description="probability of each scenario, the baseline's first"),
    ] = None


class PromotionOptions(Wire):
    """A promotion to run, to change or to cancel; what is blank is as the scenario has it."""

    promotion: Annotated[
        str, Field(min_length=1, max_length=80, description="of the scenario, or a new name")
    ] = "WHAT_IF"
    kind: Annotated[str | None, Field(max_length=80)] = None
    product: Annotated[str | None, Field(max_length=80)] = None
    category: Annotated[str | None, Field(max_length=80)] = None
    location: Annotated[str | None, Field(max_length=80, description="site or zone")] = None
    channel: Annotated[str | None, Field(max_length=80)] = None
    start: Annotated[str | None, Field(max_length=10, description="first day, YYYY-MM-DD")] = None
    end: Annotated[str | None, Field(max_length=10, description="last day")] = None
    discount_pct: Annotated[float | None, Field(ge=0, le=100)] = None
    uplifts_pct: Annotated[
        list[Annotated[float, Field(ge=-100, le=10_000)]],
        Field(
            max_length=3,
            description="extra demand: one, or low, expected and high; none: as history tells",
        ),
    ] = Field(default_factory=list)
    qty_limit: Annotated[float | None, Field(ge=0, le=1e9)] = None
    takes_from: Annotated[
        str | None, Field(max_length=80, description="category whose demand it takes")
    ] = None
    taken_pct: Annotated[
        float | None, Field(ge=0, le=100, description="of that demand; blank: as history tells")
    ] = None
    pulled_forward_pct: Annotated[
        float | None, Field(ge=0, le=100, description="of its extra demand, missing afterwards")
    ] = None
    pulled_days: Annotated[int, Field(ge=1, le=366)] = 14
    cancel: bool = False
    more_capacity_pct: Annotated[
        float, Field(ge=0, le=1000, description="more dock, picking and parcels: the other choice")
    ] = 25.0
    capacity_cost_per_day: Annotated[
        float | None, Field(ge=0, le=1e9, description="money a day and site for that")
    ] = None
    compared_with: Annotated[
        Literal["without", "as_is"] | None,
        Field(description="blank: as_is where days or terms change or it is cancelled"),
    ] = None
    stocks: Annotated[
        list[Literal["as planned", "none extra", "ordered for expected", "ordered for high"]],
        Field(max_length=4, description="ways to stock up, as planned always; none: all"),
    ] = Field(default_factory=list)
    weights: Annotated[
        list[Annotated[float, Field(ge=0, le=1e9)]] | None,
        Field(max_length=3, description="probability of each uplift"),
    ] = None


class HardenOptions(Wire):
    """What a plan is to withstand, and what may be changed for it."""

    suite: Annotated[
        dict[str, Any] | None,
        Field(
            description="what a suite's TOML file holds, gates among it; blank: the default suite"
            " with `fill_rate`"
        ),
    ] = None
    fill_rate: Annotated[
        float | None,
        Field(gt=0, lt=1, description="share of demand that every case of the default suite holds"),
    ] = None
    kinds: Annotated[
        list[
            Literal[
                "second_source",
                "buffer",
                "site_capacity",
                "supplier_capacity",
                "lane_capacity",
                "order_frequency",
            ]
        ]
        | None,
        Field(min_length=1, max_length=6, description="of changes to search; blank: all"),
    ] = None
    budget: Annotated[
        float | None,
        Field(ge=0, le=1e15, description="most money that the changes may cost over the horizon"),
    ] = None
    trials: Annotated[
        int, Field(ge=2, le=10_000, description="most trials of a choice: the work limit")
    ] = 60


class RunRequest(Wire):
    """What to run on which scenario."""

    kind: RunKind
    scenario: Annotated[str, Field(min_length=1, max_length=80)]
    revision: Annotated[
        str | None, Field(max_length=64, description="content hash; blank: the newest")
    ] = None
    plan: Annotated[
        str | None,
        Field(max_length=80, description="the plan to stress, blank: plan first; or to harden"),
    ] = None
    stages: Annotated[
        list[Annotated[str, Field(max_length=40)]] | None,
        Field(max_length=20, description="of a pipeline; blank: all that have their tables"),
    ] = None
    gates: Annotated[
        dict[str, Any] | None,
        Field(
            description="of kind nightly: what gates.toml holds, suites inline; blank: audited, and"
            " no error in the data"
        ),
    ] = None
    ordered_days: Annotated[
        int,
        Field(
            ge=0,
            le=90,
            description="of kind nightly: days that approved lines of published plans count as on"
            " order while the import lacks them; 0: not at all",
        ),
    ] = 14
    confirmations: Annotated[
        Literal["wait", "apply"],
        Field(
            description="of kind nightly: apply suppliers' pending confirmations first, in the name"
            " of who hands the night in, or let them wait for a planner"
        ),
    ] = "wait"
    overrides: Annotated[
        list[dict[str, Any]], Field(max_length=10_000, description="deltas for this run only")
    ] = Field(default_factory=list)
    options: RunOptions = Field(default_factory=RunOptions)
    decision: Annotated[
        str | None,
        Field(max_length=500, description="of kind what_if: the decision on `plan`, in words"),
    ] = None
    risk: Annotated[
        str | None,
        Field(
            max_length=400,
            description="of kind stress: only this risk of `plan`, without and with its playbook",
        ),
    ] = None
    comparison: Annotated[
        ComparisonOptions | None,
        Field(description="of kind comparison: what is compared with `plan`, the baseline"),
    ] = None
    promotion: Annotated[
        PromotionOptions | None,
        Field(description="of kind promotion: what would run on `plan`, or would not"),
    ] = None
    hardening: Annotated[
        HardenOptions | None,
        Field(description="of kind harden: what `plan` is to withstand, and what may be changed"),
    ] = None
    priority: Annotated[int, Field(ge=1, le=9, description="1 is taken first")] = 5
    labels: Annotated[dict[Label, Label], Field(max_length=50)] = Field(default_factory=dict)


class RunModel(Wire):
    """A run: `state` says how the run goes, `certificates` what each stage came to."""

    id: str
    kind: str
    state: RunState
    scenario: str
    revision: str
    attempt: int
    stage: str
    share: float
    reason: str
    plan: str | None
    certificates: list[dict[str, Any]]
    labels: dict[str, str]
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None


class RunList(Wire):
    """Runs, newest first."""

    runs: list[RunModel]
    next_page_token: str | None = None
