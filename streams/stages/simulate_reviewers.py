"""Simulated reviewers: answer `reviews` from a key file. Marked as simulated wherever shown."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from pydantic import ValidationError

from models.errors import ConfigurationError
from models.identity import digest
from models.review import Decision, ReviewTask
from streams.delivery.batches import Batch
from streams.delivery.records import Incoming
from streams.topics import Topics

REVIEWER = "simulated"

Key = Mapping[str, tuple[str, ...]]
"""The right labels by the digest of a text."""


def read_key(path: Path) -> Key:
    """A key file: JSON Lines with `text` and one of `labels`, `label`, `reference`.

    Raises:
        ConfigurationError: the file cannot be read; the text names file, line and fix.
    """
    key: dict[str, tuple[str, ...]] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc}") from exc
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            text, labels = _entry(json.loads(line))
        except (ValueError, KeyError, TypeError) as exc:
            fix = 'a line is {"text": …, "label": …}'
            raise ConfigurationError(f"{path}:{number}: {exc!r}; {fix}") from exc
        key[text_digest(text)] = labels
    return key


def _entry(content: Any) -> tuple[str, tuple[str, ...]]:
    found = next(content[name] for name in ("labels", "label", "reference") if name in content)
    return content["text"], (found,) if isinstance(found, str) else tuple(sorted(found))


def text_digest(text: str) -> str:
    """How a key file is looked up."""
    return digest("key", text)


def decide(task: ReviewTask, key: Key, now: datetime) -> Decision | None:
    """The simulated decision on one review task, none when the key does not know its text."""
    labels = key.get(text_digest(task.sample.text))
    if labels is None:
        return None
    return Decision(
        decision_id=digest("decision", task.result_id, REVIEWER),
        result_id=task.result_id,
        sample_key=task.sample_key,
        source=task.source,
        task=task.task,
        run=task.sample.run,
        reviewer=REVIEWER,
        answer="label",
        labels=labels,
        lane=task.lane,
        propensity=task.propensity,
        audit=task.audit,
        simulated=True,
        decided_at=now,
    )


class SimulatedReviewers:
    """Works batches of `reviews` into `decisions`; a repeat makes the same decision id."""

    def __init__(self, producer: AIOKafkaProducer, topics: Topics, key: Key) -> None:
        """Bind to a started producer."""
        self.producer = producer
        self.topics = topics
        self.key = key
        self.unknown = 0

    async def work(self, batch: Batch) -> bool:
        """Decide on every task of the batch; returns when the broker has stored them."""
        sent = [await self._answer(record) for record in batch.records]
        await asyncio.gather(*(stored for stored in sent if stored is not None))
        return True

    async def _answer(self, record: Incoming) -> "asyncio.Future[Any] | None":
        try:
            task = ReviewTask.model_validate_json(record.value)
        except ValidationError:
            self.unknown += 1
            return None
        decision = decide(task, self.key, datetime.now(UTC))
        if decision is None:
            self.unknown += 1
            return None
        stored: asyncio.Future[Any] = await self.producer.send(
            self.topics.decisions,
            decision.encode(),
            key=record.key,
            partition=record.source.partition,
        )
        return stored
