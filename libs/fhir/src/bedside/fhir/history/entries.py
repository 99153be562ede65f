"""A version as an entry of a history: what was asked when it came to be, and what was answered.

https://hl7.org/fhir/R4/http.html#history
"""

from bedside.fhir.history.running import Shown
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.store.instants import shown

_STATUS = {"C": "201 Created", "U": "200 OK", "D": "204 No Content"}


def add_version(bundle: Bundle, version: Shown, *, base_url: str) -> None:
    """A deletion has no resource; a creation is a POST, and a return after a deletion a PUT."""
    key = f"{version.type_name}/{version.id}"
    method = {"C": "PUT" if version.version > 1 else "POST", "U": "PUT", "D": "DELETE"}[version.op]
    bundle.entry(
        full_url=f"{base_url}/{key}",
        resource=None if version.op == "D" else version.body,
        request={"method": method, "url": version.type_name if method == "POST" else key},
        response={
            "status": _STATUS[version.op],
            "etag": f'W/"{version.version}"',
            "lastModified": shown(version.updated),
        },
    )
