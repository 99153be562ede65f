"""The token endpoint as Authlib dispatches it. Nothing outside this folder knows Authlib."""

from bedside.auth.protocol.client_authentication import authenticated_client
from bedside.auth.protocol.client_request import ClientRequest, client_request, read_form
from bedside.auth.protocol.token_endpoint import TokenEndpoint

__all__ = ["ClientRequest", "TokenEndpoint", "authenticated_client", "client_request", "read_form"]
