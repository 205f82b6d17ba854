"""What is asked of a model and what comes back, free of any client library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from models.annotation import Usage
from models.task import Price

Outcome = Literal["answered", "bad", "refused", "timeout", "limited", "unavailable", "cancelled"]


@dataclass(frozen=True, slots=True)
class Payer:
    """On whose account a call is: the task, the evaluation run ('' for live), the model's price."""

    task: str
    run: str = ""
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """The JSON schema an answer must fit, and the name endpoints want for it."""

    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a chat model, answered in JSON.

    Attributes:
        deadline: seconds until `ModelTimeout`; null means the endpoint's own.
    """

    model: str
    system: str
    user: str
    schema: AnswerSchema
    max_output_tokens: int
    payer: Payer
    deadline: float | None = None

    @property
    def prompt_bytes(self) -> int:
        """UTF-8 size of all that is sent as prompt, the schema included."""
        return len(self.system.encode()) + len(self.user.encode()) + len(str(self.schema.body))


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One prompt to a completion model, of which only the next token matters."""

    model: str
    prompt: str
    payer: Payer
    deadline: float | None = None
    max_output_tokens: int = 1

    @property
    def prompt_bytes(self) -> int:
        """UTF-8 size of the prompt."""
        return len(self.prompt.encode())


Request = ChatRequest | CompletionRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said.

    Attributes:
        content: the text of the answer.
        top: log-probability by token, likeliest tokens first; empty for chat answers.
        price_usd: null when the price or the token counts are unknown.
    """

    model: str
    content: str
    usage: Usage
    latency_ms: float
    price_usd: float | None = None
    top: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """One call as it ended, for metrics; what it cost is settled by whoever asked (`Payment`)."""

    payer: Payer
    outcome: Outcome
    seconds: float
    usage: Usage


Observe = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class Payment:
    """What a call was settled at in dollars, at UTC time `at` in seconds: the one number all use.

    It is the price billed, the highest possible one where that is unknown, 0 for unpriced models.
    """

    payer: Payer
    usd: float
    at: float


Pay = Callable[[Payment], None]


class ModelPort(Protocol):
    """A model endpoint as the agents see it.

    Both calls raise `ModelUnavailable`, `ModelTimeout`, `ModelRefused` or `BadAnswer`.
    """

    @property
    def model(self) -> str:
        """The model used by tasks that name none."""

    @property
    def deadline(self) -> float:
        """Seconds one attempt may take."""

    async def complete_json(self, request: ChatRequest) -> Answer:
        """The answer of a chat model; its content should be JSON."""

    async def next_token(self, request: CompletionRequest) -> Answer:
        """The likeliest next tokens of a completion model."""
