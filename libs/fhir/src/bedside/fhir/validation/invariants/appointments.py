"""Invariants of appointments and tasks."""

from typing import Any

from bedside.fhir.validation.invariants.data_types import is_after
from bedside.fhir.validation.invariants.places import Places, has, unless


def app_1(participant: dict[str, Any]) -> Places:
    return unless(has(participant, "type", "actor"))


def app_2(appointment: dict[str, Any]) -> Places:
    return unless(has(appointment, "start") == has(appointment, "end"))


def app_3(appointment: dict[str, Any]) -> Places:
    has_time = has(appointment, "start") and has(appointment, "end")
    return unless(has_time or appointment.get("status") in ("proposed", "cancelled", "waitlist"))


def app_4(appointment: dict[str, Any]) -> Places:
    return unless(
        not has(appointment, "cancelationReason") or appointment.get("status") in ("noshow", "no-show", "cancelled")
    )


def apr_1(response: dict[str, Any]) -> Places:
    return unless(has(response, "participantType", "actor"))


def task_inv_1(task: dict[str, Any]) -> Places:
    modified, authored = task.get("lastModified"), task.get("authoredOn")
    return unless(modified is None or authored is None or not is_after(authored, modified))


INVARIANTS = {
    "app-1": app_1,
    "app-2": app_2,
    "app-3": app_3,
    "app-4": app_4,
    "apr-1": apr_1,
    "Task.inv-1": task_inv_1,
}
