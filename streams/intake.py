"""From raw bytes on `samples` to a sample with an identity: the same way for every reader.

The annotate stage and the sink both read `samples` through here, so both keep the same books.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from models.errors import InvalidRecord
from models.sample import Sample
from models.settings import SampleFields
from streams.delivery.records import REPLAY_OF, Incoming, header

REPLAYS = "tidegauge-replays"

_PLAIN = SampleFields()
_KEY = re.compile(rb"^[0-9a-f]{32}$")
_SHOWN_ERRORS = 3


@dataclass(frozen=True)
class SampleForm:
    """How records on `samples` are read: by which paths, and for which task unless they say."""

    fields: SampleFields
    default_task: str


@dataclass(frozen=True, slots=True)
class Intake:
    """A readable sample and its identity."""

    sample: Sample
    sample_key: str


def read_sample(record: Incoming, form: SampleForm) -> Intake:
    """The sample in a record; a foreign record is read by the form's paths.

    A record replayed from a dead letter keeps the identity it had there, so that the letter's
    state in the ledger follows the sample.

    Raises:
        InvalidRecord: the bytes cannot be read as a sample; the text says why.
    """
    sample = _parse(record, form.fields)
    if not sample.task:
        sample = sample.model_copy(update={"task": form.default_task})
    if sample.run and sample.provenance != "evaluation":  # a field of that name in foreign traffic
        sample = sample.model_copy(update={"run": ""})
    return Intake(sample, replayed_key(record) or sample.key())


def unreadable_key(record: Incoming) -> str:
    """The identity of a record that is no sample: its first position."""
    return replayed_key(record) or record.source.key()


def replayed_key(record: Incoming) -> str | None:
    """The sample key a replayed dead letter stands for, none for ordinary records."""
    value = header(record.headers, REPLAY_OF)
    return value.decode() if value and _KEY.match(value) else None


def replays(record: Incoming) -> int:
    """How often this record came back from a dead letter."""
    value = header(record.headers, REPLAYS) or b""
    return int(value) if value.isdigit() and len(value) < 4 else 0  # noqa: PLR2004 - 999 is plenty


def _parse(record: Incoming, fields: SampleFields) -> Sample:
    if record.null:
        raise InvalidRecord("the value is null")
    try:
        if fields == _PLAIN:
            return Sample.model_validate_json(record.value)
        return Sample.model_validate(_mapped(record.value, fields))
    except ValidationError as exc:
        raise InvalidRecord(_reasons(exc)) from exc


def _mapped(value: bytes, fields: SampleFields) -> dict[str, Any]:
    try:
        content = json.loads(value)
    except (ValueError, RecursionError) as exc:
        raise InvalidRecord(f"not JSON: {exc}") from exc
    found = {name: at_path(content, path) for name, path in fields.model_dump().items()}
    return {name: part for name, part in found.items() if part is not None}


def at_path(content: Any, path: str) -> Any:
    """What stands at a dotted path, none where it leads nowhere.

    >>> at_path({"a": [{"b": 1}]}, "a.0.b")
    1
    >>> at_path({"a": 1}, "a.b.c") is None
    True
    """
    for step in path.split("."):
        if isinstance(content, dict):
            content = content.get(step)
        elif isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            return None
    return content


def _reasons(exc: ValidationError) -> str:
    errors = exc.errors(include_url=False, include_input=False, include_context=False)
    shown = [
        f"{'.'.join(str(part) for part in error['loc']) or 'record'}: {error['msg']}"
        for error in errors[:_SHOWN_ERRORS]
    ]
    more = len(errors) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
