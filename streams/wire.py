"""A sample as bytes on `samples`: the counterpart of `streams.intake`."""

import json
from typing import Any

from models.sample import Sample
from models.settings import SampleFields


def as_record(sample: Sample, fields: SampleFields) -> bytes:
    """The sample as the deployment reads it: each part at the path where it looks for it.

    >>> as_record(Sample(id="1", text="hi"), SampleFields(text="payload.text"))
    b'{"id": "1", "payload": {"text": "hi"}}'
    """
    body = sample.model_dump(mode="json", exclude_defaults=True)
    placed: dict[str, Any] = {}
    for name, path in fields.model_dump().items():
        if name in body:
            _place(placed, path.split("."), body[name])
    return json.dumps(placed, ensure_ascii=False).encode()


def _place(at: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        at = at.setdefault(step, {})
    at[path[-1]] = value
