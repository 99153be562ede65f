"""The federated FHIR base, put together from its parts."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.routing import Route

from bedside.gateway.federation.batches import Batches
from bedside.gateway.federation.capabilities import Capabilities
from bedside.gateway.federation.coordination import OneAfterTheOther
from bedside.gateway.federation.discovery import Discovery, security
from bedside.gateway.federation.door import Door
from bedside.gateway.federation.forwarding import Forwarding
from bedside.gateway.federation.inclusion import Inclusion
from bedside.gateway.federation.routes import Bundles, federation_routes
from bedside.gateway.federation.transactions import Transactions
from bedside.gateway.federation.wire import Wire
from bedside.gateway.owners import Owners, TokenExchange
from bedside.gateway.ownership import Ownership
from bedside.identity import Verifier


class FederatedBase:
    """`owners` is for whoever else in the gateway asks them; `keep_fresh` is to run while the gateway does."""

    def __init__(
        self,
        *,
        public_base: str,
        addresses: Mapping[str, str],
        issuer: str,
        verifier: Verifier,
        wire: Wire,
        exchange: TokenExchange,
        own_token: Callable[[str], Awaitable[str]],
    ) -> None:
        self.owners = Owners(
            ownership=Ownership(),
            addresses=addresses,
            public_base=public_base,
            wire=wire,
            exchange=exchange,
            own_token=own_token,
        )
        self._door = Door(verifier)
        self._discovery = Discovery(issuer)
        self.capabilities = Capabilities(self.owners, security=security(issuer))

    def routes(self) -> list[Route]:
        inclusion = Inclusion(self.owners)
        transactions = Transactions(self.owners, OneAfterTheOther(self.owners))
        return federation_routes(
            bundles=Bundles(self._door, Batches(self.owners, inclusion), transactions),
            forwarding=Forwarding(self.owners, self._door, inclusion),
            capabilities=self.capabilities,
            discovery=self._discovery,
        )
