"""The keys that sign tokens: kept sealed, published by their public halves."""

from bedside.auth.keys.sealing import Sealing
from bedside.auth.keys.signer import Signer

__all__ = ["Sealing", "Signer"]
