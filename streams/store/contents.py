"""What the store is and holds: its version, its tables, how many rows."""

from models.rows import ROWS
from streams.store.client import Store


def server_version(store: Store) -> str:
    """The ClickHouse version that answers."""
    return str(store.query("SELECT version() AS version")[0]["version"])


def missing_tables(store: Store) -> list[str]:
    """Tables that `tidegauge migrate` has yet to make."""
    sql = "SELECT name FROM system.tables WHERE database = {database:String}"
    present = {row["name"] for row in store.query(sql, {"database": store.where.database})}
    return [row.TABLE.name for row in ROWS if row.TABLE.name not in present]


def rows_per_table(store: Store) -> dict[str, int]:
    """Merged rows by table: a record met twice counts once."""
    counts = {}
    for row in ROWS:
        final = "FINAL" if row.TABLE.version else ""
        found = store.query(f"SELECT count() AS n FROM {row.TABLE.name} {final}")
        counts[row.TABLE.name] = int(found[0]["n"])
    return counts
