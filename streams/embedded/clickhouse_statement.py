"""What an HTTP request to ClickHouse asks for, read from its text without running it.

The engine in the `chdb` wheel is the one behind `clickhouse-local`: it would run several statements
at once and open any file its user may. A ClickHouse server does neither for an HTTP client, so such
statements are refused here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from models.errors import TidegaugeError

DEFAULT_FORMAT = "TabSeparated"

_TOKEN = re.compile(
    rb"""(?P<blank>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
    |(?P<text>'(?:[^'\\]|\\.|'')*')
    |(?P<name>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*"|[A-Za-z_][A-Za-z_0-9]*)
    |(?P<mark>[0-9.]+|.)""",
    re.DOTALL | re.VERBOSE,
)
_AFTER_FORMAT = re.compile(rb"[ \t\f\v]*\r?\n?")
_CODE = re.compile(r"Code: (\d+)\.(?: DB::Exception: Code: \d+\.)*")
_OWN_FILE = re.compile(r"\(in file/uri /proc/self/fd/\d+\): ")

_ANSWERING = frozenset(
    b"SELECT WITH SHOW DESCRIBE DESC EXISTS EXPLAIN CHECK KILL VALUES FROM (".split()
)
_FREEING = frozenset(b"DROP TRUNCATE KILL SYSTEM".split())
_SESSION = frozenset(b"SET USE".split())
_OPENING = frozenset(b"FILE FILECLUSTER URL URLCLUSTER EXECUTABLE EXECUTABLEPOOL PYTHON".split())

_STATUS_OF_CODE = {
    **dict.fromkeys((6, 25, 26, 27, 33, 38, 41, 43, 53, 62, 72, 117, 386, 457), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 73, 81, 115, 456), 404),
    **dict.fromkeys((164, 497), 403),
    48: 501,
    159: 408,
    202: 503,
    394: 503,
}


class StatementRefused(TidegaugeError):
    """A request ClickHouse answers with an error.

    Attributes:
        code: ClickHouse's number for the error.
    """

    def __init__(self, code: int, message: str) -> None:
        """Word it the way the server does."""
        super().__init__(f"Code: {code}. DB::Exception: {message}")
        self.code = code

    @property
    def status(self) -> int:
        """The HTTP status ClickHouse gives to such an error."""
        return _STATUS_OF_CODE.get(self.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def refusal(message: str) -> StatementRefused:
    """The engine's own error text, with the code it names (1002, unknown, if none)."""
    found = _CODE.search(message)
    if found is None:
        return StatementRefused(1002, message)
    message = _OWN_FILE.sub("", message)
    return StatementRefused(int(found[1]), message[found.end() :].removeprefix(" DB::Exception: "))


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, apart from the data it inserts.

    Attributes:
        sql: the statement; for an insert with data, without its FORMAT clause.
        format: format of the answer, or of `data`.
        data: encoded rows to insert, or None if the statement carries none.
        reads: whether it is a query, so that it may be given up with its client.
        answers: whether it produces rows, be they none.
        frees: whether it is to run on a full disk although it is no query.
    """

    sql: str
    format: str
    data: bytes | None
    reads: bool
    answers: bool
    frees: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A statement with the circumstances it runs in.

    Attributes:
        database: database unqualified names belong to, or None for `default`.
        settings: ClickHouse settings for this statement alone.
        parameters: values of its `{name:Type}` places, in ClickHouse's escaped text form.
    """

    statement: Statement
    query_id: str
    database: str | None
    settings: Mapping[str, str]
    parameters: Mapping[str, str]


def _empty() -> StatementRefused:
    return StatementRefused(62, "Syntax error: Empty query. (SYNTAX_ERROR)")


def parse_statement(text: bytes, default_format: str = DEFAULT_FORMAT) -> Statement:
    r"""Read one statement, with the rows that follow an INSERT ... FORMAT.

    >>> inserting = parse_statement(b"INSERT INTO t (a) FORMAT CSV\n1\n2\n")
    >>> inserting.sql, inserting.format, inserting.data, inserting.reads
    ('INSERT INTO t (a)', 'CSV', b'1\n2\n', False)
    >>> parse_statement(b"SELECT 1 FORMAT JSON;").format
    'JSON'

    Raises:
        StatementRefused: it is empty, several statements, belongs to a session, or opens files.
    """
    tokens = _tokens(text)
    first = next(tokens, None)
    if first is None:
        raise _empty()
    verb = _word(first)
    if verb in _SESSION:
        raise StatementRefused(
            48,
            "This server keeps no sessions: pass settings and database with each request. "
            "(NOT_IMPLEMENTED)",
        )
    if verb == b"INSERT":
        return _parse_insert(text, tokens)
    reads = verb in _ANSWERING and verb != b"KILL"
    named = _checked(tokens, (verb,))
    sql = _utf8(text)
    if not sql.strip():  # separators that only Unicode calls white space
        raise _empty()
    return Statement(
        sql,
        named or default_format,
        None,
        reads,
        verb in _ANSWERING,
        verb in _FREEING,
    )


def _utf8(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise StatementRefused(62, f"Syntax error: not UTF-8: {error}. (SYNTAX_ERROR)") from error


def _tokens(text: bytes) -> Iterator[re.Match[bytes]]:
    return (token for token in _TOKEN.finditer(text) if token.lastgroup != "blank")


def _word(token: re.Match[bytes]) -> bytes:
    return token[0].strip(b'`"').upper()


def _parse_insert(text: bytes, tokens: Iterator[re.Match[bytes]]) -> Statement:
    """The statement up to its FORMAT clause and the data beyond; whole where it has none."""
    seen = b"INSERT"
    for token in tokens:
        word = _word(token)
        _refuse_opening(seen, word)
        if word in (b"VALUES", b"SELECT", b"WITH") and token[0].upper() == word:
            _checked(tokens, (seen, word))
            break
        if token[0].upper() == b"FORMAT":
            named = next(tokens, None)
            if named is None:
                break
            after = _AFTER_FORMAT.match(text, named.end())
            data = text[after.end() if after else named.end() :]
            return Statement(
                _utf8(text[: token.start()]).strip(), _utf8(named[0]), data, False, False
            )
        seen = word
    return Statement(_utf8(text), DEFAULT_FORMAT, None, False, False)


def _checked(tokens: Iterator[re.Match[bytes]], before: tuple[bytes, ...]) -> str | None:
    """Read to the end, refusing what a server would; the format named last, if any."""
    *_, seen = before
    ended = False
    named: str | None = None
    for token in tokens:
        word = _word(token)
        if ended and word != b";":
            raise StatementRefused(62, "Syntax error: Several statements at once. (SYNTAX_ERROR)")
        ended = token[0] == b";"
        _refuse_opening(seen, word)
        if seen == b"FORMAT" and token.lastgroup == "name":
            named = _utf8(token[0])
        seen = word
    return named


def _refuse_opening(seen: bytes, word: bytes) -> None:
    opens_by_call = word == b"(" and seen in _OPENING
    opens_by_clause = word in (b"OUTFILE", b"INFILE") and seen in (b"INTO", b"FROM")
    if opens_by_call or opens_by_clause:
        raise StatementRefused(
            497, "Files, programs and addresses are not opened from SQL here. (ACCESS_DENIED)"
        )
