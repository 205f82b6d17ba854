import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded.clickhouse_encoding import SMALL_BYTES, decoded, encoded
from streams.embedded.clickhouse_statement import StatementRefused


@given(body=st.binary(min_size=SMALL_BYTES, max_size=SMALL_BYTES * 2))
@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate"])
def test_what_is_encoded_is_decoded(encoding: str, body: bytes) -> None:
    sent, named = encoded(body, f"br;q=1.0, {encoding};q=0.5")
    assert named == encoding
    assert decoded(sent, encoding.upper()) == body


@pytest.mark.parametrize("accepted", ["", "identity", "br"])
def test_nothing_known_accepted_is_nothing_encoded(accepted: str) -> None:
    assert encoded(b"x" * 5_000, accepted) == (b"x" * 5_000, None)


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate", "br"])
def test_a_body_that_is_not_what_it_says_is_refused(encoding: str) -> None:
    with pytest.raises(StatementRefused, match=encoding):
        decoded(b"not encoded at all", encoding)
