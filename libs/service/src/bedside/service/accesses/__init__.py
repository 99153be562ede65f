"""What is told to the access log of every request for patients' data, by the edge that its caller reached."""

from bedside.service.accesses.journal import Journal
from bedside.service.accesses.noting import Noting
from bedside.service.accesses.shipping import SCOPE, Shipping

__all__ = ["SCOPE", "Journal", "Noting", "Shipping"]
