"""What reviewers were told, held against `decisions` as it lies on Kafka: that is the oracle."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.review import Decision, Outcome
from tests.desk_bench import read
from tests.drills.desk_people import Acknowledged
from tests.drills.topic_log import Logged

CLOCK_MS = 50
"""The broker stamps records by a clock of the same machine, in milliseconds."""


@dataclass(frozen=True)
class Finding:
    """What came of a run.

    Attributes:
        items: that were sent to the desk.
        decided: of those, the ones that people decided.
        lost: receipts whose answer is not on the topic as it was given, and items that came to
            nothing or to more than one thing.
        over_assigned: items with more answers than places, or two of one reviewer.
        early: decisions published before their undo time was over.
        repeats: messages sent more than once.
    """

    items: int
    decided: int
    kills: int
    lost: int
    over_assigned: int
    early: int
    repeats: int
    wrong: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Nothing lost, nobody asked too often, nothing said too early."""
        return not (self.lost or self.over_assigned or self.early or self.wrong)

    def __str__(self) -> str:
        """The last line."""
        return (
            f"items={self.items} decided={self.decided} kills={self.kills} lost={self.lost} "
            f"over_assigned={self.over_assigned}"
        )


@dataclass(frozen=True)
class Sent:
    """What was asked of the desk: each item's text by its result id, and how they are reviewed."""

    texts: Mapping[str, str]
    reviewers: int
    undo_seconds: float
    kills: int


def judge(
    sent: Sent,
    logged: Sequence[Logged],
    acknowledged: Iterable[Acknowledged],
    surprises: Iterable[str],
) -> Finding:
    """Judge one run by the first message of each id."""
    decisions: dict[str, Decision] = {}
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    early, repeats = 0, 0
    for record in logged:
        message = read(record.value or b"")
        if isinstance(message, Outcome):
            known = outcomes[message.result_id]
            repeats += message in known
            known += [message] if message not in known else []
            continue
        repeats += message.decision_id in decisions
        decisions.setdefault(message.decision_id, message)
        due = message.decided_at.timestamp() + sent.undo_seconds
        early += record.at + CLOCK_MS < due * 1000
    missing = _missing(sent, decisions.values(), acknowledged)
    unfinished = [
        f"{name}: {len(outcomes[name])} outcomes" for name in sent.texts if len(outcomes[name]) != 1
    ]
    over = _over_assigned(sent, decisions.values())
    reviewed = [name for name in sent.texts if any(o.state == "reviewed" for o in outcomes[name])]
    return Finding(
        items=len(sent.texts),
        decided=len(reviewed),
        kills=sent.kills,
        lost=len(missing) + len(unfinished),
        over_assigned=len(over),
        early=early,
        repeats=repeats,
        wrong=tuple([*missing[:5], *unfinished[:5], *over[:5], *list(surprises)[:5]]),
    )


def _missing(
    sent: Sent, decisions: Iterable[Decision], acknowledged: Iterable[Acknowledged]
) -> list[str]:
    """Acknowledged answers that are not on the topic, or not as they were given."""
    there = Counter(
        (each.reviewer, sent.texts.get(each.result_id, "?"), each.labels) for each in decisions
    )
    told = Counter((each.reviewer, each.text, each.labels) for each in acknowledged)
    return [f"lost: {what}" for what in told - there]


def _over_assigned(sent: Sent, decisions: Iterable[Decision]) -> list[str]:
    """Items with more answers than places (a senior's is one more), or two of one reviewer."""
    asked: dict[str, list[Decision]] = defaultdict(list)
    for each in decisions:
        if each.role in ("review", "adjudication"):
            asked[each.result_id].append(each)
    wrong = []
    for name, given in asked.items():
        roles = Counter(each.role for each in given)
        people = Counter(each.reviewer for each in given)
        if (
            roles["review"] > sent.reviewers
            or roles["adjudication"] > 1
            or max(people.values()) > 1
        ):
            wrong.append(f"{name}: {[(each.reviewer, each.role) for each in given]}")
    return wrong
