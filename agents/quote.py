"""What labelling would cost, asked of the very code that asks models, before any model is asked."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, NoReturn

from agents.annotate.annotator import Annotator
from agents.judge.judge import new_judge
from agents.llm.ask import Ports
from agents.llm.budget import Budget, highest_price
from agents.llm.cache import AnswerCache
from agents.llm.requests import ChatRequest, CompletionRequest, Request
from models.annotation import Annotation, Usage
from models.errors import ModelRefused
from models.record import Version
from models.sample import Sample
from models.task import Task


@dataclass
class PriceList:
    """A model port that answers nothing and adds up what its calls would cost at most.

    Attributes:
        usd: dollars so far.
        unpriced: a call's model has no stated price.
    """

    model: str
    deadline: float = 1.0
    usd: float = 0.0
    unpriced: bool = False

    async def complete_json(self, request: ChatRequest) -> NoReturn:
        """Price a chat call."""
        self._price(request)

    async def next_token(self, request: CompletionRequest) -> NoReturn:
        """Price a completion call."""
        self._price(request)

    def _price(self, request: Request) -> NoReturn:
        self.unpriced |= request.payer.price is None
        self.usd += highest_price(request)
        raise ModelRefused("asked for its price only")


async def quoted(task: Task, sample: Sample, model: str) -> float | None:
    """Dollars that one sample's annotation and verdict cost at most, questions repeated left out.

    `model` is the one used where the task names none. Null when a model has no stated price.
    """
    prices = PriceList(model)
    ports = Ports(prices, Budget(None), AnswerCache[Any](0, _still), _still, _still, salt="")
    key = sample.key()
    await _priced(Annotator(task, ports).annotate(sample, key))
    judge = new_judge(task, ports)
    if judge is not None:
        await _priced(judge.judge(sample, _any_annotation(task, key, model)))
    return None if prices.unpriced else prices.usd


def _any_annotation(task: Task, key: str, model: str) -> Annotation:
    """What a judge could be asked about: the first label, as good as any other for a price."""
    nobody = Version(name="nobody", hash=key)
    return Annotation(
        annotation_id=key,
        annotator=nobody,
        labels=(task.label_names[0],),
        model=model,
        usage=Usage(),
    )


async def _priced(asking: Awaitable[object]) -> None:
    try:
        await asking
    except ModelRefused:
        return


def _still() -> float:
    return 0.0
