"""What all records share: frozen, tolerant of fields from newer versions, one schema version."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Record(BaseModel):
    """A fact that travels or is stored; never changed once made."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Message(Record):
    """A record that is the whole value of a Kafka message, hence versioned."""

    schema_version: int = SCHEMA_VERSION

    def encode(self) -> bytes:
        """The message as it goes on the wire: compact UTF-8 JSON."""
        return self.__pydantic_serializer__.to_json(self)


class Version(Record):
    """The author's name for a version beside the hash of what it contains.

    The name is for people, the hash decides: the same name with another hash is another version.
    """

    name: str
    hash: str

    def __str__(self) -> str:
        """`name@hash`, as shown everywhere."""
        return f"{self.name}@{self.hash}"
