"""How many rows each table holds."""

from models.rows import ROWS
from streams.store.client import Store


def rows_per_table(store: Store) -> dict[str, int]:
    """Merged rows by table: a record met twice counts once."""
    counts = {}
    for row in ROWS:
        final = "FINAL" if row.TABLE.version else ""
        found = store.query(f"SELECT count() AS n FROM {row.TABLE.name} {final}", {})
        counts[row.TABLE.name] = int(found[0]["n"])
    return counts
