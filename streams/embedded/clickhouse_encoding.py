"""The content encodings a ClickHouse server and its clients agree on, whole bodies at a time."""

import gzip
import sys
import zlib
from collections.abc import Callable, Mapping

import lz4.frame  # type: ignore[import-untyped]

from streams.embedded.clickhouse_statement import StatementRefused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SMALL_BYTES = 1_000
"""Answers below this size travel as they are."""

_DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "lz4": lz4.frame.decompress,
    "zstd": zstd.decompress,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}
_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


def decoded(body: bytes, encoding: str) -> bytes:
    """`body` without its content encoding.

    Raises:
        StatementRefused: an unknown encoding, or bytes that are not in it.
    """
    decode = _DECODERS.get(encoding.strip().lower())
    if decode is None:
        raise StatementRefused(48, f"Unknown Content-Encoding {encoding!r}. (NOT_IMPLEMENTED)")
    try:
        return decode(body)
    except (RuntimeError, OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise StatementRefused(
            354, f"The body is not in Content-Encoding {encoding!r}: {error}. (CANNOT_DECOMPRESS)"
        ) from error


def encoded(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """`body` in the cheapest encoding of `accepted` (an Accept-Encoding), and that encoding.

    >>> encoded(b"x" * 10_000, "br, gzip")[1]
    'gzip'
    >>> encoded(b"x", "lz4")[1] is None
    True
    """
    offered = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    for encoding, encode in _ENCODERS.items():
        if encoding in offered and len(body) >= SMALL_BYTES:
            return encode(body), encoding
    return body, None
