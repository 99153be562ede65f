"""The resources of our SCIM service: the core schemas, and what a hospital adds to them.

https://www.rfc-editor.org/rfc/rfc7643
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar

import scim2_models
from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    EnterpriseUser,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)

from bedside.identity import ROLES

BULK_OPERATIONS_MAX = 100
BODY_BYTES_MAX = 1024 * 1024
RESULTS_MAX = 200


class Role(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true, Required.true] = Field(None, examples=sorted(ROLES))
    """One of the roles of this installation."""

    display: str | None = None
    type: str | None = None
    primary: bool | None = None


class LabelRight(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only] = None
    """The sensitive label that may be seen."""

    until: Annotated[datetime | None, Mutability.read_only] = None


class Proxy(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only] = None
    """The Patient that may be acted for, a logical id."""

    until: Annotated[datetime | None, Mutability.read_only] = None


class BedsideUser(Extension):
    __schema__ = URN("urn:bedside:scim:User")

    fhir_user: Annotated[str | None, CaseExact.true] = Field(None, examples=["Practitioner/example", "Patient/example"])
    """The record of this person, as a FHIR reference: who signs in as Patient/x is that patient."""

    label_rights: Annotated[list[LabelRight] | None, Mutability.read_only] = None
    """Rights to sensitive labels; they are given in the console, by a person, for a time."""

    proxy_for: Annotated[list[Proxy] | None, Mutability.read_only] = None
    """The patients this person acts for."""


class User(scim2_models.User[Any]):
    roles: list[Role] | None = None  # type: ignore[assignment]
    """The roles given to this person; those of groups are not repeated here."""

    Roles: ClassVar[type[ComplexAttribute]] = Role


class GroupMember(ComplexAttribute):
    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of a User. Groups are not nested."""

    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[Any]):
    """Which roles a group gives is said in the console: a PUT that does not know of them must not take them away."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[GroupMember] | None = None
    Members: ClassVar[type[ComplexAttribute]] = GroupMember


WholeUser = User[EnterpriseUser | BedsideUser]  # type: ignore[type-arg]


def provider() -> ScimProvider:
    return ScimProvider(
        models=[User, EnterpriseUser, BedsideUser, Group],
        resource_types=[ResourceType.from_resource(WholeUser), ResourceType.from_resource(Group)],
        config=ServiceProviderConfig(
            patch=Patch(supported=True),
            bulk=Bulk(supported=True, max_operations=BULK_OPERATIONS_MAX, max_payload_size=BODY_BYTES_MAX),
            filter=Filter(supported=True, max_results=RESULTS_MAX),
            change_password=ChangePassword(supported=True),
            sort=Sort(supported=True),
            etag=ETag(supported=True),
            authentication_schemes=[
                AuthenticationScheme(
                    type=AuthenticationScheme.Type.oauthbearertoken,
                    name="OAuth 2.0 bearer token",
                    description="An access token of this server with the scope users.manage",
                    spec_uri="https://www.rfc-editor.org/rfc/rfc6750",
                    primary=True,
                )
            ],
        ),
    )
