"""The ClickHouse store: tables, what goes into them, and every figure that comes out."""
