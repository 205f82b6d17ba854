"""Identities and draws made from content alone, so that a replay makes the same ones."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel

_U64 = 2.0**64


def digest(*parts: str) -> str:
    r"""A 128-bit hex identity of the parts; their borders count.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    >>> len(digest("x"))
    32
    """
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return hasher.hexdigest()


def fingerprint(content: BaseModel | dict[str, Any] | list[Any]) -> str:
    """A 12-digit hash of a value's canonical JSON: the content hash of a version.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    plain = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return digest(text)[:12]


def draw(key: str, salt: str) -> float:
    """A replayable uniform draw in [0, 1) for one key: equal inputs, equal draw.

    >>> 0.0 <= draw("sample", "route") < 1.0
    True
    """
    hasher = hashlib.blake2b(key.encode(), digest_size=8, person=salt.encode()[:16])
    return int.from_bytes(hasher.digest(), "big") / _U64
