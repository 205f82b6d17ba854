"""The rubric judge: a chat model scores several criteria in one call."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from agents.annotate.confidence import stated
from agents.annotate.kinds import Kind, kind_of, object_schema
from agents.annotate.prompts import DATA_RULE, PLACEHOLDER, sample_block, task_card
from agents.annotate.views import Load, Save
from agents.judge.criteria import Criterion, criteria_for
from agents.judge.opinion import Opinion
from agents.llm.ask import Asked, Ports, ask_twice
from agents.llm.replies import json_object_in
from agents.llm.requests import Answer, AnswerSchema, ChatRequest, Payer
from models.annotation import Annotation, joined
from models.errors import BadAnswer
from models.identity import fingerprint
from models.record import Version
from models.sample import Sample
from models.task import RubricJudge, Task
from models.verdict import CriterionScore

REASON_LIMIT = 500


class RubricOpinions:
    """Opinions of a chat model: its own labels, a score per criterion, and P(label correct)."""

    kind: Literal["rubric"] = "rubric"
    calibrator_hash: str | None = None

    def __init__(self, task: Task, judge: RubricJudge, ports: Ports) -> None:
        """Render what is the same for all samples once.

        Raises:
            ConfigurationError: a criterion is unknown or does not apply.
        """
        self._ports = ports
        self._judge = judge
        self._task = task
        self._model = judge.model or ports.model.model
        self._answers = kind_of(task)
        self._criteria = criteria_for(judge.criteria, task.kind, task.name)
        self._system = system_prompt(task, self._answers, self._criteria)
        properties = answer_properties(self._answers, self._criteria)
        self._schema = AnswerSchema("verdict", object_schema(properties))
        self.version = self._version()

    async def prepare(self, load: Load, save: Save) -> None:
        """Nothing to get ready: the policy calibrates rubric judges from decisions."""

    async def of(self, sample: Sample, annotation: Annotation) -> Asked[Opinion]:
        """The opinion on one annotation."""
        block = sample_block(sample, annotation.annotation_id, self._ports.salt)
        request = ChatRequest(
            model=self._model,
            system=self._system,
            user=user_prompt(block, annotation.labels),
            schema=self._schema,
            max_output_tokens=self._judge.max_output_tokens,
            payer=Payer(self._task.name, sample.run, self._judge.price),
        )
        return await ask_twice(request, self._read, self._ports)

    def _read(self, answer: Answer) -> Opinion:
        return read_opinion(json_object_in(answer.content), self._answers, self._criteria)

    def _version(self) -> Version:
        basis = {
            "system": self._system,
            "user": user_prompt(sample_block(PLACEHOLDER, "", ""), ("label",)),
            "schema": self._schema.body,
            "model": self._model,
            "max_output_tokens": self._judge.max_output_tokens,
        }
        return Version(name=self._judge.name, hash=fingerprint(basis))


def system_prompt(task: Task, answers: Kind, criteria: Sequence[Criterion]) -> str:
    """Who the judge is, the task, the criteria; the same for every sample."""
    rubrics = "\n".join(f"- {c.name} ({c.scale[0]} to {c.scale[1]}): {c.rubric}" for c in criteria)
    parts = [
        "You check labels that somebody else gave to samples of text. Labels may be wrong; that "
        "is why you are asked. First decide which label or labels you would give yourself, then "
        "score the given ones.",
        task_card(task, answers),
        f"Criteria:\n{rubrics}",
        "`p_correct` is the probability from 0 to 1 that the given labels are exactly right. Be "
        "honest: of all labels you give 0.7, seven in ten should turn out right. Reasons are one "
        "short sentence each.",
        DATA_RULE.format(what="judge"),
    ]
    return "\n\n".join(parts)


def user_prompt(block: str, labels: Sequence[str]) -> str:
    """The sample and the labels it was given."""
    return f"{block}\n\nLabels given: {joined(tuple(labels))}\n\nAnswer in JSON."


def answer_properties(answers: Kind, criteria: Sequence[Criterion]) -> dict[str, Any]:
    """JSON schema properties of an opinion, in the order a model should think of them."""
    scored = {
        "reason": {"type": "string", "description": "one short sentence"},
        "score": {"type": "integer"},
    }
    return {
        "reason": {"type": "string", "description": "one short sentence"},
        "own": object_schema(answers.label_properties()),
        "criteria": object_schema({c.name: object_schema(scored) for c in criteria}),
        "p_correct": {"type": "number", "description": "a probability from 0 to 1"},
    }


def read_opinion(
    answer: Mapping[str, Any], answers: Kind, criteria: Sequence[Criterion]
) -> Opinion:
    """The opinion in a judge's answer.

    Raises:
        BadAnswer: it does not fit the schema, or a score is off its scale.
    """
    own, scored = answer.get("own"), answer.get("criteria")
    if not isinstance(own, Mapping) or not isinstance(scored, Mapping):
        raise BadAnswer("a verdict needs `own` and `criteria`")
    return Opinion(
        p_correct=stated(answer.get("p_correct"), "p_correct"),
        label=joined(answers.labels_in(own)),
        scores=tuple(_score(criterion, scored.get(criterion.name)) for criterion in criteria),
        reason=_reason(answer.get("reason")),
    )


def _score(criterion: Criterion, entry: object) -> CriterionScore:
    raw = entry.get("score") if isinstance(entry, Mapping) else None
    low, high = criterion.scale
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not low <= raw <= high:
        raise BadAnswer(f"criteria.{criterion.name}.score: expected {low} to {high}, got {raw!r}")
    reason = entry.get("reason") if isinstance(entry, Mapping) else ""
    return CriterionScore(
        criterion=criterion.identity,
        raw=float(raw),
        score=criterion.share(float(raw)),
        reason=_reason(reason),
    )


def _reason(said: object) -> str:
    return " ".join(said.split())[:REASON_LIMIT] if isinstance(said, str) else ""
