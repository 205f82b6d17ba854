"""Route: from `verdicts` to `readings`, `reviews` and `results`; pure but for finding a policy."""

from collections.abc import Awaitable, Callable, Sequence

from pydantic import ValidationError

from agents.route import route as routing
from models.drift import reading_key
from models.errors import InvalidRecord
from models.policy import Policy
from models.record import Version
from models.verdict import Judged
from streams.delivery.records import Incoming, Output
from streams.topics import Topics

FindPolicy = Callable[[Version], Awaitable[Policy]]
"""The policy a record names; raises `Unavailable` while it is not known."""


class RouteStage:
    """One record of `verdicts` to what it puts out; `results` is last and proves the rest."""

    def __init__(self, topics: Topics, find_policy: FindPolicy) -> None:
        """Bind to the deployment's topics and its policies."""
        self.topics = topics
        self.find_policy = find_policy

    async def handle(self, record: Incoming) -> Sequence[Output]:
        """The outputs of one judged sample."""
        try:
            judged = Judged.model_validate_json(record.value)
        except ValidationError as exc:
            raise InvalidRecord(f"not a record of `verdicts`: {exc.error_count()} errors") from exc
        policy = await self.find_policy(judged.policy)
        result = routing.route(judged, policy)
        outputs = [
            Output(
                self.topics.readings,
                reading_key(reading.task, reading.slice),
                reading.encode(),
                follow=False,
            )
            for reading in routing.readings(result, policy)
        ]
        if (task := routing.review_task(result)) is not None:
            outputs.append(Output(self.topics.reviews, record.key, task.encode()))
        outputs.append(Output(self.topics.results, record.key, result.encode()))
        return outputs
