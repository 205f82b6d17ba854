"""Movement: everything that touches Kafka, ClickHouse or a process."""
