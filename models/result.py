"""What a sample came to: accepted, or sent to people, and with which probability."""

from typing import Literal, get_args

from models.record import Probability, Record
from models.verdict import Judged

State = Literal[
    "in_flight",
    "dead_lettered",
    "sampled_out",
    "over_budget",
    "accepted",
    "awaiting_review",
    "expired",
    "reviewed",
]
"""The ledger's states; later beats earlier (`sampled_out` and `over_budget` never meet)."""

STATES: tuple[State, ...] = get_args(State)

Lane = Literal["uncertain", "disagreement", "policy", "failed", "gold", "repeat"]


class Route(Record):
    """Where one sample goes and how that was decided.

    Attributes:
        lane: why people see it, null when it is accepted.
        propensity: the recorded probability of human review, fixed before the draw.
        draw: the replayable uniform draw; people review when it is below the propensity.
        audit: the sample belongs to the plain random sample of all traffic.
        p_correct: P(label correct) as the policy calibrates it, null with nothing to go by.
    """

    lane: Lane | None
    propensity: Probability
    draw: Probability
    audit: bool
    p_correct: Probability | None


class Result(Judged):
    """The message on `results`: everything known of the sample when its machine part ended."""

    result_id: str
    state: State
    route: Route | None
