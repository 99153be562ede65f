"""A patch, applied to the version that a transaction finds."""

from typing import Any

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.store.current import Version
from bedside.fhir.store.draft import Draft


def patched(draft: Draft, version: Version | None) -> dict[str, Any]:
    """The resource that the patch makes, not yet judged.

    Refused with 404 or 410 when there is nothing to patch, 422 when the patch cannot be applied to what is there, or
    makes another resource of it.
    """
    assert draft.patch is not None, "only a draft with a patch is patched"
    if version is None:
        raise Refused(404, [Issue("not-found", "there is no such resource", draft.at or None)])
    if version.deleted:
        raise Refused(410, [Issue("deleted", "the resource was deleted", draft.at or None)])
    try:
        made = draft.patch(exact_json.parse(version.body))
    except Refused as refused:
        raise Refused(refused.status, [_placed(issue, draft) for issue in refused.issues]) from refused
    if not isinstance(made, dict) or (made.get("resourceType"), made.get("id")) != (draft.type_name, draft.id):
        text = "a patch does not change which resource this is"
        raise Refused(422, [Issue("business-rule", text, draft.resource_at)])
    return made


def _placed(issue: Issue, draft: Draft) -> Issue:
    at = f"{draft.at}.resource" if draft.at else None
    return Issue(issue.code, issue.text, at or issue.at, issue.severity)
