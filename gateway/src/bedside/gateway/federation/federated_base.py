"""The federated FHIR base, put together from its parts."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.routing import Route

from bedside.gateway.federation.access_log import AccessLog
from bedside.gateway.federation.alone import Alone
from bedside.gateway.federation.batches import Batches
from bedside.gateway.federation.capabilities import Capabilities
from bedside.gateway.federation.composing import Compositions
from bedside.gateway.federation.coordination import OneAfterTheOther
from bedside.gateway.federation.deletions import Deletions
from bedside.gateway.federation.discovery import Discovery, security
from bedside.gateway.federation.door import Door
from bedside.gateway.federation.exports.endpoints import ExportEndpoints
from bedside.gateway.federation.exports.exporting import Exports
from bedside.gateway.federation.exports.handles import Handles
from bedside.gateway.federation.forwarding import Forwarding
from bedside.gateway.federation.labels import Labels
from bedside.gateway.federation.pages import Pages
from bedside.gateway.federation.routes import Bundles, federation_routes
from bedside.gateway.federation.searching import Searches
from bedside.gateway.federation.transactions import Transactions
from bedside.gateway.federation.wire import Wire
from bedside.gateway.owners import Owners, TokenExchange
from bedside.gateway.ownership import Ownership
from bedside.identity import Verifier


class FederatedBase:
    """`owners` is for whoever else in the gateway asks them; `keep_fresh` is to run while the gateway does.

    `page_key` (32 bytes) seals page tokens and the handles of exports; replicas share it.
    """

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
        page_key: bytes,
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
        pages = Pages(page_key)
        self._searches = Searches(self.owners, pages)
        self._compositions = Compositions(self.owners, pages)
        self._exports = Exports(self.owners, Handles(page_key))
        self._discovery = Discovery(issuer)
        self.capabilities = Capabilities(self.owners, security=security(issuer))

    def routes(self) -> list[Route]:
        deletions = Deletions(self.owners)
        forwarding = Forwarding(
            self.owners, self._door, searches=self._searches, compositions=self._compositions, deletions=deletions
        )
        alone = Alone(forwarding)
        batches = Batches(self.owners, self._searches, deletions, alone)
        transactions = Transactions(self.owners, OneAfterTheOther(self.owners), deletions, self._searches, alone)
        return federation_routes(
            bundles=Bundles(self._door, batches, transactions, forwarding),
            forwarding=forwarding,
            exports=ExportEndpoints(self._exports, self._door),
            labels=Labels(self.owners, self._door),
            access_log=AccessLog(self.owners, self._door),
            capabilities=self.capabilities,
            discovery=self._discovery,
        )
