"""Views: one wording of a classification question for completion models.

The prompt is the question, a `Message:`/`Answer:` turn per example and the sample's open turn. The
model's log-probabilities of the label words right after `Answer:` are the raw scores.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from agents.annotate.calibration import Calibrator, fittable, uncalibrated
from agents.llm.ask import Ports, ask
from agents.llm.fence import REPLY, TURN, one_line
from agents.llm.requests import Answer, CompletionRequest, Payer
from models.errors import BadAnswer, ConfigurationError, ModelUnavailable
from models.identity import fingerprint
from models.policy import Correction
from models.record import Version
from models.sample import Sample
from models.task import ClassificationTask, LabelledText, View

Load = Callable[[str], Awaitable[str | None]]
Save = Callable[[str, str], Awaitable[None]]


def prompt_head(view: View) -> str:
    """All of the prompt that does not depend on the sample, up to its open turn."""
    turns = [view.question.strip()]
    for example in view.examples:
        word = view.words[example.truth[0]]
        turns.append(f"{TURN} {one_line(example.text, view.text_limit)}\n{REPLY} {word}")
    return "\n\n".join(turns)


def prompt_for(head: str, text: str, limit: int) -> str:
    """The whole prompt; it ends right where the label word belongs."""
    return f"{head}\n\n{TURN} {one_line(text, limit)}\n{REPLY}"


def text_of(shown: Sample | Correction) -> str:
    """What completion prompts show of a sample: context, text and response, one after another."""
    parts = (shown.context, shown.text, shown.response)
    return "\n".join(part for part in parts if part)


def word_scores(words: Mapping[str, str], top: Mapping[str, float]) -> dict[str, float]:
    """Log-probability of each label's word, the least of the list for words that are not in it.

    A word the tokenizer splits counts by its longest beginning that begins no other label's word.

    Raises:
        BadAnswer: none of the words is among the likely tokens.

    >>> word_scores({"ham": "personal", "spam": "scam"}, {" scam": -0.1, " person": -3.0, "x": -9})
    {'ham': -3.0, 'spam': -0.1}
    """
    found = {label: _found(word, words, top) for label, word in words.items()}
    if all(score is None for score in found.values()):
        listed = ", ".join(repr(token) for token in list(top)[:5])
        raise BadAnswer(f"none of the label words is among the likeliest tokens ({listed}, …)")
    least = min(top.values())
    return {label: least if score is None else score for label, score in found.items()}


def _found(word: str, words: Mapping[str, str], top: Mapping[str, float]) -> float | None:
    if (score := top.get(f" {word}")) is not None:
        return score
    others = [other for other in words.values() if other != word]
    beginnings = [
        (len(start), score)
        for token, score in top.items()
        if (start := token.strip())
        and word.startswith(start)
        and not any(other.startswith(start) for other in others)
    ]
    return max(beginnings)[1] if beginnings else None


class FittedView:
    """A view of a task together with its calibrator."""

    def __init__(self, task: ClassificationTask, view: View, ports: Ports) -> None:
        """Bind; call `prepare` before `probabilities`."""
        self.view = view
        self.model = view.model or ports.model.model
        self._task = task
        self._ports = ports
        self._head = prompt_head(view)
        self._calibrator: Calibrator | None = None

    @property
    def version(self) -> Version:
        """Name and hash of all that decides the probabilities."""
        basis = {
            "prompt": prompt_for(self._head, "text", self.view.text_limit),
            "words": self.view.words,
            "model": self.model,
            "text_limit": self.view.text_limit,
            "calibration": [item.model_dump(mode="json") for item in self._task.calibration],
            "prior": self._task.prior,
        }
        return Version(name=self.view.name, hash=fingerprint(basis))

    @property
    def calibrator(self) -> Calibrator:
        """The calibrator in force.

        Raises:
            ModelUnavailable: `prepare` has not ended yet.
        """
        if self._calibrator is None:
            raise ModelUnavailable(f"the calibrator of {self.view.name} is not fitted yet")
        return self._calibrator

    @property
    def calibrator_hash(self) -> str | None:
        """What records name the calibrator by, null when the scores are raw."""
        return self.calibrator.hash if self.calibrator.items else None

    async def prepare(self, load: Load, save: Save) -> None:
        """Take the stored calibrator of this version, or fit one and store it.

        The first one stored wins, so processes that start together agree.
        """
        items, labels = self._task.calibration, self._task.label_names
        if not fittable(labels, [item.truth[0] for item in items]):
            self._calibrator = uncalibrated(labels)
            return
        key = self.version.hash
        stored = await load(key)
        if stored is None:
            fitted = await self._fit(items)
            await save(key, fitted.model_dump_json())
            stored = await load(key) or fitted.model_dump_json()
        self._calibrator = Calibrator.model_validate_json(stored)

    def request(self, text: str, run: str) -> CompletionRequest:
        """The question about one text."""
        payer = Payer(self._task.name, run, self.view.price)
        return CompletionRequest(
            self.model, prompt_for(self._head, text, self.view.text_limit), payer
        )

    def probabilities(self, answer: Answer) -> dict[str, float]:
        """P(label) by this view, calibrated."""
        return self.calibrator.probabilities(word_scores(self.view.words, answer.top))

    async def _fit(self, items: Sequence[LabelledText]) -> Calibrator:
        """A calibrator of the items whose words the model finds likely at all."""
        found = [await self._scores(item.text) for item in items]  # one by one: others ask too
        usable = [(s, i.truth[0]) for s, i in zip(found, items, strict=True) if s is not None]
        labels, truths = self._task.label_names, [truth for _, truth in usable]
        if not fittable(labels, truths):
            raise ConfigurationError(
                f"task {self._task.name}: view {self.view.name}: the model gives the label words "
                "no likely place after the calibration items; choose other words"
            )
        from agents.annotate.fitting import fit  # noqa: PLC0415 - slow to import, seldom needed

        return fit(labels, [scores for scores, _ in usable], truths, self._task.prior)

    async def _scores(self, text: str) -> dict[str, float] | None:
        answer = await ask(self.request(text, ""), self._ports)
        try:
            return word_scores(self.view.words, answer.top)
        except BadAnswer:
            return None


def likeliest(probabilities: Mapping[str, float]) -> str:
    """The label of the highest probability; the author's order breaks ties."""
    return max(probabilities, key=lambda name: probabilities[name])
