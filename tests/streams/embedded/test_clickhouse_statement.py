import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.embedded.clickhouse_statement import StatementRefused, parse_statement, refusal


@given(data=st.binary())
def test_inserted_bytes_are_taken_as_they_are(data: bytes) -> None:
    statement = parse_statement(
        b"INSERT INTO `a FORMAT b` (`k`) SETTINGS x='FORMAT' FORMAT Native\n" + data
    )
    assert statement.data == data
    assert statement.sql == "INSERT INTO `a FORMAT b` (`k`) SETTINGS x='FORMAT'"
    assert statement.format == "Native"
    assert not statement.reads


@given(text=st.text(alphabet=st.characters(codec="utf-8")))
def test_a_literal_is_never_read_as_sql(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    statement = parse_statement(f"SELECT '{quoted}' AS x FORMAT JSON".encode())
    assert statement.format == "JSON"
    assert quoted in statement.sql
    assert statement.reads


@example(verb=b"", text=b"\x1c")
@given(verb=st.sampled_from([b"", b"INSERT INTO t ", b"SELECT "]), text=st.binary(max_size=200))
def test_any_bytes_are_a_statement_or_refused(verb: bytes, text: bytes) -> None:
    try:
        statement = parse_statement(verb + text)
    except StatementRefused:
        return
    assert statement.sql.strip()
    statement.sql.encode()


@pytest.mark.parametrize(
    ("sql", "reads", "answers"),
    [
        (b"-- note\n/* SELECT */ create table t (a Int8) engine = Memory", False, False),
        (b"(SELECT 1) UNION ALL (SELECT 2)", True, True),
        (b"with 1 as x select x", True, True),
        (b"INSERT INTO t SELECT 1", False, False),
        (b"insert into t values ('FORMAT CSV')", False, False),
        (b"KILL QUERY WHERE 1", False, True),
    ],
)
def test_what_a_statement_does_is_read_from_its_verb(
    sql: bytes, reads: bool, answers: bool
) -> None:
    statement = parse_statement(sql)
    assert (statement.reads, statement.answers, statement.data) == (reads, answers, None)
    assert statement.sql == sql.decode()


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        (b"", 62),
        (b" -- only a remark", 62),
        (b"SELECT 1; DROP TABLE t", 62),
        (b"INSERT INTO t VALUES (1); DROP TABLE t", 62),
        (b"SET readonly = 0", 48),
        (b"SELECT * FROM file('/etc/passwd')", 497),
        (b"SELECT * FROM `file` ('/etc/passwd')", 497),
        (b"INSERT INTO FUNCTION file('x') SELECT 1", 497),
        (b"INSERT INTO TABLE FUNCTION url('http://x') FORMAT CSV\n1", 497),
        (b"CREATE TABLE t (a Int8) ENGINE = File(CSV, '/x')", 497),
        (b"SELECT 1 INTO /**/ OUTFILE '/x'", 497),
        (b"INSERT INTO t FROM INFILE '/x' FORMAT CSV", 497),
        (b"SELECT * FROM Python(x)", 497),
    ],
)
def test_what_a_server_would_not_do_is_refused(sql: bytes, code: int) -> None:
    with pytest.raises(StatementRefused) as refused:
        parse_statement(sql)
    assert refused.value.code == code


def test_names_that_only_look_dangerous_are_fine() -> None:
    assert parse_statement(b"SELECT file, url FROM t WHERE x = 'file(1); DROP'").reads
    assert parse_statement(b"SELECT 1 ; ; -- end").reads


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        ("Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)", 60, 404),
        ("Streaming insert finish failed: Code: 33. DB::Exception: x", 33, 400),
        ("Code: 395. DB::Exception: thrown", 395, 500),
        ("no code at all", 1002, 500),
    ],
)
def test_the_engines_errors_keep_their_code(said: str, code: int, status: int) -> None:
    error = refusal(said)
    assert (error.code, error.status) == (code, status)
    assert str(error).startswith(f"Code: {code}. DB::Exception: ")
    assert str(error).count("Code:") == 1
