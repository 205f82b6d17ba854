"""Fitted calibrators: fitted once for one fingerprint, then kept; the first one wins."""

from models.rows import MAX_PRECEDENCE, CalibratorRow
from streams.store.client import AsyncStore
from streams.store.columns import milliseconds

SQL = """
    SELECT parameters FROM calibrators FINAL WHERE fingerprint = {fingerprint:String}"""


async def load(store: AsyncStore, fingerprint: str) -> str | None:
    """The parameters kept under a fingerprint, none when it was never fitted.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    rows = await store.query(SQL, {"fingerprint": fingerprint})
    return rows[0]["parameters"] if rows else None


async def keep(store: AsyncStore, fitted: CalibratorRow) -> str:
    """Keep a calibrator unless there is one; returns the parameters that hold from now on.

    Two processes that fit at the same moment both get those of the one that was made first.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    if (parameters := await load(store, fitted.fingerprint)) is not None:
        return parameters
    made = MAX_PRECEDENCE - milliseconds(fitted.made_at)
    await store.insert([fitted.model_copy(update={"precedence": made})])
    return await load(store, fitted.fingerprint) or fitted.parameters
