"""What the writing interactions ask of what they are sent."""

from typing import Any
from urllib.parse import urlencode

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.versions import version_of

CASCADE = "_cascade"


def refuse_other_type(resource: dict[str, Any], type_name: str, at: str | None = None) -> None:
    """Refused with 400 when the body is of another type than the address."""
    if resource.get("resourceType") != type_name:
        place = at or type_name
        issue = Issue("invalid", f"resourceType must be {type_name}, as in the address", f"{place}.resourceType")
        raise Refused(400, [issue])


def refuse_other_id(resource: dict[str, Any], type_name: str, id: str, at: str | None = None) -> None:
    """Refused with 400 when the body has no id, or another than the address."""
    if resource.get("id") != id:
        raise Refused(400, [Issue("value", "id must be the id in the address", f"{at or type_name}.id")])


def if_match_of(exchange: Exchange) -> int | None:
    """The version that must be current. Refused with 400 when the tag is none of ours."""
    tag = exchange.request.headers.get("if-match")
    return None if tag is None else version_of(tag)


def criteria_of(exchange: Exchange) -> str:
    """The query that says which resource is meant. Refused with 412 when there is none: that would be all of them."""
    if not exchange.search_pairs:
        text = "say which resource is meant: Type/id, or Type?criteria"
        raise Refused(412, [Issue("multiple-matches", text)])
    return urlencode([pair for pair in exchange.search_pairs if pair[0] != CASCADE])


def cascades(exchange: Exchange) -> bool:
    """Whether what refers to a deleted resource is to be deleted with it. Refused with 400 for another word."""
    words = [value for name, value in exchange.pairs if name == CASCADE]
    if set(words) - {"delete", "none"}:
        raise Refused(400, [Issue("value", "_cascade is delete or none")])
    return "delete" in words
