"""R5: how somebody is reached."""

from bedside.clinical.resources import Address, ContactPoint, Patient
from bedside.clinical.shown import Shown


class Contact(Shown):
    phone: str | None
    phone_use: str | None
    email: str | None
    address: str | None


def contact(patient: Patient) -> Contact:
    first = phone(patient.get("telecom"))
    mail = _best(patient.get("telecom"), "email")
    return Contact(
        phone=first.get("value") if first else None,
        phone_use=first.get("use") if first else None,
        email=mail.get("value") if mail else None,
        address=address(patient.get("address")),
    )


def phone(telecom: list[ContactPoint] | None) -> ContactPoint | None:
    return _best(telecom, "phone")


def address(addresses: list[Address] | None) -> str | None:
    current = next((item for item in addresses or [] if item.get("use") != "old"), None)
    if current is None:
        return None
    parts = [*current.get("line", []), current.get("city"), current.get("postalCode"), current.get("country")]
    return current.get("text") or ", ".join(part for part in parts if part) or None


def _best(telecom: list[ContactPoint] | None, system: str) -> ContactPoint | None:
    """Lowest rank first, absent being 99; `min` keeps document order among equals."""
    current = [
        point
        for point in telecom or []
        if point.get("system") == system and point.get("use") != "old" and point.get("value")
    ]
    return min(current, key=lambda point: point.get("rank", 99), default=None)
