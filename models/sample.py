"""A sample of traffic, and where on Kafka it was first met."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from models.identity import digest
from models.record import Message, Record

TEXT_LIMIT = 256 * 1024
TAG_LIMIT = 32
TAG_LENGTH = 200

Provenance = Literal["live", "evaluation", "canary", "synthetic"]


def _text_of_number(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _within_limit(value: str) -> str:
    if (size := len(value.encode("utf-8"))) > TEXT_LIMIT:
        msg = f"has {size:,} bytes; at most {TEXT_LIMIT:,} are taken"
        raise ValueError(msg)
    return value


Identifier = Annotated[str, BeforeValidator(_text_of_number), Field(min_length=1, max_length=512)]


class Source(Record):
    """The position of a record on Kafka; positions order all records of one key.

    Attributes:
        incarnation: which life of the broker: grows when topics are made anew from offset 0.
        at: the record's Kafka timestamp (UTC), carried on as event time.
    """

    incarnation: int = Field(default=0, ge=0)
    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    at: datetime

    def key(self) -> str:
        """An identity for a record that has no readable content of its own."""
        return digest(
            "position", str(self.incarnation), self.topic, f"{self.partition}/{self.offset}"
        )


class Sample(Message):
    """One unit of traffic; everything in it is hostile.

    At its smallest `{"id": "...", "text": "..."}`. Tags beyond the first 32 (by name) are dropped,
    longer values cut; `reference` feeds evaluation figures only and is shown to nobody.

    >>> Sample.model_validate_json('{"id": 7, "text": "hello"}').id
    '7'
    """

    id: Identifier
    text: Annotated[str, Field(min_length=1)]
    task: str = Field(default="", max_length=100)
    context: str | None = None
    response: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    created_at: datetime | None = None
    provenance: Provenance = "live"
    run: str = Field(default="", max_length=64)
    reference: tuple[str, ...] | None = None

    @field_validator("text", "context", "response")
    @classmethod
    def _bounded(cls, value: str | None) -> str | None:
        return value if value is None else _within_limit(value)

    @field_validator("tags", mode="before")
    @classmethod
    def _bounded_tags(cls, value: Any) -> Any:
        if value is None:
            return {}
        if not isinstance(value, dict):
            return value
        plain = {
            str(name)[:TAG_LENGTH]: str(tag)[:TAG_LENGTH]
            for name, tag in value.items()
            if isinstance(tag, str | int | float | bool)
        }
        return dict(sorted(plain.items())[:TAG_LIMIT])

    @field_validator("reference", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if isinstance(value, str):
            return (value,)
        return value

    def key(self) -> str:
        """`sample_key`: the same content under the same id is the same sample, anywhere."""
        return digest(
            "sample",
            self.run,
            self.task,
            self.id,
            self.text,
            self.context or "",
            self.response or "",
        )
