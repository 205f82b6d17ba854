"""What a dead letter says about the record that could not be handled."""

from datetime import datetime

from pydantic import Field

from models.identity import digest
from models.record import Record
from models.sample import Source

BODY_CAP = 256 * 1024
BODY_HEAD = 64 * 1024
HEADER_CAP = 16 * 1024
REPLAY_LIMIT = 3


class DeadLetter(Record):
    """The story of one dead letter; the original bytes travel as the message's own value.

    Attributes:
        sample_key: the sample it stands for in the ledger: the record's own key where one could
            be read, else one made from its position.
        sample_source: position on `samples` whose timestamp is the event time.
        task: the task as far as it could be read, else empty.
        length: of the original value in bytes; the stored body is cut to its head when too long.
        null: the original value was null (a tombstone).
        replays: how often the record has been replayed from a dead letter before.
    """

    stage: str
    source: Source
    sample_key: str
    sample_source: Source
    task: str = ""
    run: str = ""
    error: str
    detail: str = Field(default="", max_length=2000)
    attempts: int
    length: int
    sha256: str = ""
    null: bool = False
    replays: int = 0
    at: datetime

    @property
    def letter_id(self) -> str:
        """The same record failing in the same stage is the same letter."""
        return digest("dead-letter", self.stage, self.source.key())

    @property
    def complete(self) -> bool:
        """The stored body is the whole record, so it can be replayed."""
        return self.length <= BODY_CAP
