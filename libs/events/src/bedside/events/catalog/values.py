"""The only kinds of text an event may hold: none of them can carry a patient's data."""

from typing import Annotated

from pydantic import AwareDatetime, Field

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-._~:]{1,200}$", json_schema_extra={"x-kind": "id"})]
Reference = Annotated[
    str, Field(pattern=r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}$", json_schema_extra={"x-kind": "reference"})
]
ElementPath = Annotated[
    str, Field(pattern=r"^_?[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*$", json_schema_extra={"x-kind": "element-path"})
]
Instant = Annotated[AwareDatetime, Field(json_schema_extra={"x-kind": "instant"})]
