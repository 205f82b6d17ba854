"""Fitted calibrators: fitted once for one fingerprint, then kept; the first one wins."""

from datetime import UTC, datetime

from models.rows import MAX_PRECEDENCE, CalibratorRow
from streams.store.client import AsyncStore
from streams.store.columns import milliseconds

SQL = "SELECT parameters FROM calibrators FINAL WHERE fingerprint = {fingerprint:String}"


async def load(store: AsyncStore, fingerprint: str) -> str | None:
    """The parameters kept under a fingerprint, none when it was never fitted.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    rows = await store.query(SQL, {"fingerprint": fingerprint})
    return rows[0]["parameters"] if rows else None


async def save(store: AsyncStore, task: str, fingerprint: str, parameters: str) -> None:
    """Keep a calibrator; load it again to get the one that holds, should two be saved at once.

    Raises:
        StoreUnavailable: the store does not answer; saving it again does no harm.
    """
    made_at = datetime.now(UTC)
    row = CalibratorRow(
        fingerprint=fingerprint,
        task=task,
        parameters=parameters,
        made_at=made_at,
        precedence=MAX_PRECEDENCE - milliseconds(made_at),
    )
    await store.insert([row])
