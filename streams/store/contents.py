"""What the store is and holds: its version, its tables, how many rows, room for more."""

from models.rows import ROWS
from streams.store.client import Store

ROOM_BYTES = 64 * 1024 * 1024


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


def full_disks(store: Store) -> list[str]:
    """The folders of ClickHouse's disks with less than 64 MiB left, where it may refuse rows."""
    sql = "SELECT path FROM system.disks WHERE unreserved_space < {room:UInt64} ORDER BY path"
    return [row["path"] for row in store.query(sql, {"room": ROOM_BYTES})]
