"""Invariants of people, organizations, groups and what people consent to."""

from typing import Any

from bedside.fhir.validation.invariants.places import Places, has, unless


def pat_1(contact: dict[str, Any]) -> Places:
    return unless(has(contact, "name", "telecom", "address", "organization"))


def org_1(organization: dict[str, Any]) -> Places:
    return unless(has(organization, "identifier", "name"))


def org_2(address: dict[str, Any]) -> Places:
    return unless(address.get("use") != "home")


def grp_1(group: dict[str, Any]) -> Places:
    return unless("member" not in group or group.get("actual") is True)


def ppc_1(consent: dict[str, Any]) -> Places:
    return unless(has(consent, "policy", "policyRule"))


def sev_1(entity: dict[str, Any]) -> Places:
    return unless(not (has(entity, "name") and has(entity, "query")))


# ppc-2 to ppc-5 ask for a code system that R4 calls 'something': no consent can break them.
INVARIANTS = {
    "pat-1": pat_1,
    "org-1": org_1,
    "org-2": org_2,
    "org-3": org_2,
    "grp-1": grp_1,
    "ppc-1": ppc_1,
    "sev-1": sev_1,
}
