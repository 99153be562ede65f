"""The SCIM service: who may ask for what."""

from typing import Any

from scim2_models import ForbiddenException, NotFoundException, SCIMException, UnauthorizedException
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation, Target
from scim2_server.service import ScimService

from bedside.auth.authority import Authority
from bedside.auth.directory import Actor
from bedside.auth.directory.actor import MANAGES_USERS
from bedside.auth.scim.shapes import BODY_BYTES_MAX, provider
from bedside.auth.scim.storage import DirectoryStorage
from bedside.auth.scim.users import Passwords
from bedside.identity import Caller

__all__ = ["BODY_BYTES_MAX", "CONFIGURATION", "Scim"]

CONFIGURATION = "/ServiceProviderConfig"
_READING = frozenset({"GET", "HEAD"})


class Scim:
    """`subject` of a request is the Caller, or None."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._service = _Service(provider())

    def answer(self, request: ScimRequest, passwords: Passwords) -> ScimResponse:
        """Never raises for what was asked; a surprise goes on to the caller."""
        try:
            return self._answer(request, passwords)
        except SCIMException as error:
            return self._service.error_response(error)

    def too_large(self) -> ScimResponse:
        return self._service.error_response(self._service.payload_too_large(BODY_BYTES_MAX))

    def _answer(self, request: ScimRequest, passwords: Passwords) -> ScimResponse:
        actor = _admitted(request)
        writes = request.method.upper() not in _READING and not request.path.endswith(".search")
        storage = DirectoryStorage(self._authority, actor, passwords, writes=writes)
        return ScimHandler(self._service, storage).handle(request)


def _admitted(request: ScimRequest) -> Actor:
    """Before anything else is said: not even which paths and methods there are."""
    caller = request.subject
    if request.path == CONFIGURATION and request.method.upper() in _READING:
        return Actor("scim", may_manage=False)
    if not isinstance(caller, Caller):
        raise UnauthorizedException(detail="An access token of this server is needed.")
    about_people = request.path == "/Me" or request.path.startswith("/Users/")
    if not caller.holds(MANAGES_USERS) and not about_people:
        raise _missing_scope()
    return Actor.of(caller, via="scim")


def _missing_scope() -> ForbiddenException:
    return ForbiddenException(detail="The scope users.manage is needed.")


class _Service(ScimService):
    def me_target(self, request: ScimRequest) -> tuple[Any, str]:
        caller: Caller = request.subject
        if caller.subject == caller.client_id:
            raise NotFoundException(detail="A program has no resource of its own.")
        return self.get_resource_type("User"), caller.subject

    def me_creation_type(self, request: ScimRequest) -> Any:
        raise ForbiddenException(detail="Nobody makes an account for themselves.")

    def authorize(self, request: ScimRequest, target: Target, resource_type: Any) -> None:
        """Administration needs `users.manage`. With `profile`, a person may read what is kept of them."""
        caller: Caller = request.subject
        if caller.holds(MANAGES_USERS):
            return
        own = resource_type.name == "User" and target.resource_id == caller.subject
        if target.resource_id is not None and not own:
            # Whether there is such a person is not told either.
            raise NotFoundException(detail="There is no such resource.")
        if not (own and target.operation is Operation.query and caller.holds("profile")):
            raise _missing_scope()
