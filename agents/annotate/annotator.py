"""The annotator of one task: a sample in, an annotation out."""

from dataclasses import dataclass
from typing import Protocol

from agents.annotate.corrections import with_corrections
from agents.annotate.kinds import Reading, kind_of, object_schema
from agents.annotate.prompts import (
    PLACEHOLDER,
    correction_blocks,
    sample_block,
    system_prompt,
    user_prompt,
)
from agents.annotate.views import FittedView, Load, Save, likeliest, text_of
from agents.llm.ask import Asked, Ports, ask_twice
from agents.llm.cache import cache_key
from agents.llm.replies import json_object_in
from agents.llm.requests import Answer, AnswerSchema, ChatRequest, Payer
from models.annotation import Annotation, Usage
from models.identity import digest, fingerprint
from models.policy import Policy
from models.record import Version
from models.sample import Sample
from models.task import ChatAnnotator, ClassificationTask, CompletionAnnotator, Task


@dataclass(frozen=True, slots=True)
class Said:
    """A reading and the model behind it: what the cache remembers."""

    reading: Reading
    model: str


class Approach(Protocol):
    """One way to get a reading out of a model."""

    @property
    def version(self) -> Version:
        """Name and hash of all that decides the reading."""

    @property
    def calibrator_hash(self) -> str | None:
        """The calibrator behind the scores, null when they are raw."""

    async def prepare(self, load: Load, save: Save) -> None:
        """Get ready; called once before the first sample."""

    async def read(self, sample: Sample, sample_key: str) -> Asked[Reading]:
        """The reading of one sample."""


class Annotator:
    """Labels the samples of one task.

    The same sample gets the same annotation id from the same version, whatever the model answers.
    One that works by a policy's corrections is another version, and so is its name: `name+number`.
    """

    def __init__(self, task: Task, ports: Ports, policy: Policy | None = None) -> None:
        """Bind a task to the world; await `prepare` before the first sample.

        Args:
            task: what to label.
            ports: the model, and what it may cost.
            policy: the one whose corrections it is shown, if any.

        Raises:
            ConfigurationError: this annotator cannot be shown any.
        """
        self.task = task
        self._ports = ports
        corrected = policy if policy and policy.corrections else None
        self._approach = _approach(task, ports, corrected)
        self.version = self._approach.version

    async def prepare(self, load: Load, save: Save) -> None:
        """Load the stored calibrator of this version, or fit and save it.

        Raises:
            ModelUnavailable: the model is needed and cannot be reached; ask again later.
        """
        await self._approach.prepare(load, save)

    async def annotate(self, sample: Sample, sample_key: str) -> Annotation:
        """The annotation of one sample.

        Raises:
            ModelUnavailable: nothing was learnt about the sample; ask again later.
            ModelTimeout: no answer within the deadline, the second question included.
            ModelRefused: the endpoint refuses this sample.
            BadAnswer: two answers in a row were outside the schema.
            BudgetExhausted: the day's spend cap is reached.
        """
        key = cache_key(self.version, sample)
        said = self._ports.cache.get(key) if key else None
        if isinstance(said, Said):
            return self._annotation(sample_key, _remembered(said))
        asked = await self._approach.read(sample, sample_key)
        if key:
            self._ports.cache.put(key, Said(asked.reading, asked.model))
        return self._annotation(sample_key, asked)

    def _annotation(self, sample_key: str, asked: Asked[Reading]) -> Annotation:
        reading, fresh = asked.reading, asked.usage.calls > 0
        return Annotation.model_construct(
            annotation_id=digest("annotation", sample_key, self.version.hash),
            annotator=self.version,
            labels=reading.labels,
            scores=dict(reading.scores),
            confidence=reading.confidence,
            confidence_source=reading.source,
            calibrator=self._approach.calibrator_hash,
            model=asked.model,
            usage=asked.usage,
            price_usd=asked.price_usd,
            latency_ms=asked.latency_ms if fresh else None,
            attempts=asked.attempts,
            cached=not fresh,
        )


class ChatApproach:
    """Asks a chat model for JSON."""

    calibrator_hash: str | None = None

    def __init__(
        self, task: Task, annotator: ChatAnnotator, ports: Ports, corrected: Policy | None
    ) -> None:
        """Render what is the same for all samples once."""
        self._ports = ports
        self._corrected = corrected
        self._annotator = annotator
        self._task = task
        self._model = annotator.model or ports.model.model
        self._kind = kind_of(task)
        self._system = self._prompt(ports.salt)
        self._schema = AnswerSchema("annotation", object_schema(self._kind.properties()))
        self.version = self._version()

    async def prepare(self, load: Load, save: Save) -> None:
        """Nothing to get ready: stated confidences are kept as they are."""

    async def read(self, sample: Sample, sample_key: str) -> Asked[Reading]:
        """The model's JSON, read by the task's kind."""
        block = sample_block(sample, sample_key, self._ports.salt)
        request = ChatRequest(
            model=self._model,
            system=self._system,
            user=user_prompt(block),
            schema=self._schema,
            max_output_tokens=self._annotator.max_output_tokens,
            payer=Payer(self._task.name, sample.run, self._annotator.price),
        )
        return await ask_twice(request, self._read, self._ports)

    def _read(self, answer: Answer) -> Reading:
        return self._kind.read(json_object_in(answer.content))

    def _prompt(self, salt: str) -> str:
        corrections = self._corrected.corrections if self._corrected else ()
        blocks = correction_blocks(corrections, self._kind, salt)
        return system_prompt(self._task, self._annotator, self._kind, blocks)

    def _version(self) -> Version:
        basis = {
            "system": self._prompt(salt=""),
            "user": user_prompt(sample_block(PLACEHOLDER, "", "")),
            "schema": self._schema.body,
            "model": self._model,
            "max_output_tokens": self._annotator.max_output_tokens,
        }
        return Version(name=_named(self._annotator, self._corrected), hash=fingerprint(basis))


class ViewApproach:
    """Reads the log-probabilities of label words from a completion model."""

    def __init__(
        self, task: ClassificationTask, annotator: CompletionAnnotator, ports: Ports
    ) -> None:
        """Bind the view."""
        self._ports = ports
        self._view = FittedView(task, annotator, ports)
        self.version = self._view.version

    @property
    def calibrator_hash(self) -> str | None:
        """The view's calibrator."""
        return self._view.calibrator_hash

    async def prepare(self, load: Load, save: Save) -> None:
        """Load or fit the view's calibrator."""
        await self._view.prepare(load, save)

    async def read(self, sample: Sample, sample_key: str) -> Asked[Reading]:
        """P(label) by the words' log-probabilities; the likeliest label wins."""
        request = self._view.request(text_of(sample), sample.run)
        return await ask_twice(request, self._read, self._ports)

    def _read(self, answer: Answer) -> Reading:
        scores = self._view.probabilities(answer)
        label = likeliest(scores)
        return Reading((label,), scores, scores[label], "logprob")


def annotator_version(task: Task, ports: Ports) -> Version:
    """Name and content hash of a task's annotator: prompt, words, examples, model, parameters."""
    return _approach(task, ports).version


def _approach(task: Task, ports: Ports, corrected: Policy | None = None) -> Approach:
    annotator = task.annotator
    if isinstance(annotator, CompletionAnnotator) and isinstance(task, ClassificationTask):
        if corrected:
            shown = with_corrections(task, annotator, corrected.corrections)
            annotator = shown.model_copy(update={"name": _named(annotator, corrected)})
        return ViewApproach(task, annotator, ports)
    if isinstance(annotator, ChatAnnotator):
        return ChatApproach(task, annotator, ports, corrected)
    raise TypeError(f"no approach for {type(annotator).__name__}")


def _named(annotator: ChatAnnotator | CompletionAnnotator, corrected: Policy | None) -> str:
    return f"{annotator.name}+{corrected.number}" if corrected else annotator.name


def _remembered(said: Said) -> Asked[Reading]:
    nothing = Usage(calls=0, input_tokens=0, output_tokens=0)
    return Asked(said.reading, said.model, nothing, price_usd=0.0, latency_ms=0.0, attempts=1)
