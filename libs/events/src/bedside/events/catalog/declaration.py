"""What every fact in the catalogue declares about itself."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class EventData(BaseModel):
    """The data of one kind of fact.

    Readers ignore unknown fields, so that a newer minor version is read by an older consumer.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    routing_key: ClassVar[str]
    """`family.fact.vMAJOR`, as `patient.merged.v1`."""

    minor: ClassVar[int] = 0

    owners: ClassVar[tuple[str, ...]]
    """The services that may tell it."""

    @classmethod
    def family(cls) -> str:
        """The first word of the routing key; consumers bind whole families, for only then is a gap visible."""
        return cls.routing_key.partition(".")[0]

    @classmethod
    def unversioned(cls) -> str:
        return cls.routing_key.rpartition(".")[0]

    @classmethod
    def schema_name(cls) -> str:
        """The file name of its JSON Schema, as `patient.merged.v1.0`."""
        return f"{cls.routing_key}.{cls.minor}"
