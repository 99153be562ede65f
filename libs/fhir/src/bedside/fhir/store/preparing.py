"""What can be said about a draft before the database is asked: its structure, its codes, the owner's rules."""

from collections.abc import Sequence
from typing import Any

from bedside.fhir.declaration import Service
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.profiles import declared, held, judged
from bedside.fhir.store.draft import Draft
from bedside.fhir.store.references import mentions
from bedside.fhir.store.telling import model
from bedside.fhir.validation import validate


def prepare(service: Service, drafts: Sequence[Draft]) -> None:
    """Finds the references of each draft. Refused with all problems of all drafts: 400 for FHIR's, 422 for ours."""
    invalid: list[Issue] = []
    against_rules: list[Issue] = []
    for draft in drafts:
        if draft.resource is None:
            continue
        wrong = validate(draft.resource, draft.resource_at)
        errors = [issue for issue in wrong if issue.severity in ("fatal", "error")]
        invalid += errors
        if not errors:
            against_rules += _against_rules(service, draft, draft.resource)
            if service.enforces_profiles:
                against_rules += _against_profiles(draft.resource, draft.resource_at)
            draft.references = mentions(draft.resource)
    if invalid:
        raise Refused(400, [*invalid, *against_rules])
    if against_rules:
        raise Refused(422, against_rules)


def _against_rules(service: Service, draft: Draft, resource: dict[str, Any]) -> list[Issue]:
    owned = service.owned(draft.type_name)
    if owned is None or not (owned.rules or owned.tells):
        return []
    try:
        subject = model(draft.type_name, resource)
    except (ValueError, LookupError, TypeError):
        # Valid R4 that the models cannot hold, as a leap second: a rule that cannot look cannot agree.
        text = "the rules of this service cannot read a value in this resource"
        return [Issue("not-supported", text, draft.resource_at)]
    return [_placed(issue, draft) for rule in owned.rules for issue in rule(subject)]


def _against_profiles(resource: dict[str, Any], at: str) -> list[Issue]:
    """A profile that is not held here cannot be judged, so it is nobody's fault."""
    known = [profile for url in declared(resource) if (profile := held().profile(url)) is not None]
    return [issue for profile in known for issue in judged(resource, profile, at).issues]


def _placed(issue: Issue, draft: Draft) -> Issue:
    at = draft.resource_at + (issue.at or draft.type_name).removeprefix(draft.type_name)
    return Issue(issue.code, issue.text, at, issue.severity)
