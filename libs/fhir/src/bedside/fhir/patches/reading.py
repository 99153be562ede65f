"""From what a client sent to a patch: which of the three it is, is said by its media type."""

from typing import Any

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.patches.fhirpath_patch import fhirpath_patch
from bedside.fhir.patches.json_patch import json_patch
from bedside.fhir.patches.merge_patch import merge_patch
from bedside.fhir.patches.patch import Patch

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
FORMATS = (JSON_PATCH, "application/fhir+json", MERGE_PATCH)
_PLAIN = ("application/json", "text/json")


def refuse_other_format(media_type: str) -> None:
    """Refused with 415 for what is no patch in any of the three formats."""
    if media_type not in (*FORMATS, *_PLAIN):
        raise Refused(415, [Issue("not-supported", f"send a patch as {', '.join(FORMATS)}")])


def patch_of(media_type: str, sent: Any) -> Patch:
    """`sent` is the parsed body. Refused with 400 when it is no such patch.

    Several clients send a list of operations, or the elements that change, as plain JSON.
    """
    is_parameters = isinstance(sent, dict) and sent.get("resourceType") == "Parameters"
    if media_type == JSON_PATCH or (media_type in _PLAIN and isinstance(sent, list)):
        return json_patch(sent)
    if media_type == MERGE_PATCH or (media_type in _PLAIN and not is_parameters):
        return merge_patch(sent)
    if not is_parameters:
        raise Refused(400, [Issue("invalid", "a patch in FHIR's own format is a Parameters resource")])
    return fhirpath_patch(sent)
