"""What every endpoint and grant of auth works with."""

from dataclasses import dataclass, field

from bedside.auth.client_keys import FetchedKeys
from bedside.auth.database import Units
from bedside.auth.installation import Installation
from bedside.auth.keys import Sealing, Signer
from bedside.auth.records import Records
from bedside.auth.sign_in.passwords import Passwords
from bedside.events import Outbox
from bedside.identity.clock import SYSTEM_CLOCK, Clock
from bedside.identity.replays import Replays


@dataclass(frozen=True)
class Authority:
    installation: Installation
    units: Units
    sealing: Sealing
    signer: Signer
    passwords: Passwords
    clock: Clock
    records: Records
    client_keys: FetchedKeys = field(default_factory=FetchedKeys)
    proofs: Replays = field(default_factory=Replays)
    """Proofs of possession that were shown at auth's own APIs."""
    outbox: Outbox = field(default_factory=lambda: Outbox("/auth"))

    @classmethod
    def opened(cls, installation: Installation, clock: Clock = SYSTEM_CLOCK) -> "Authority":
        """The database must have been migrated."""
        units = Units(installation.database_url)
        sealing = Sealing(installation.master_secret)
        signer = Signer(units, sealing, clock)
        signer.prepare()
        records = Records(f"{installation.addresses['gateway']}/fhir")
        return cls(installation, units, sealing, signer, Passwords(), clock, records)

    def close(self) -> None:
        self.units.close()
