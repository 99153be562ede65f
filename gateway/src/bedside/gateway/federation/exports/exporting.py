"""Exports over several owners: begun at each or at none, and told as one."""

import asyncio
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

import orjson
import structlog
from starlette.responses import Response

from bedside.fhir.bulk.asked import Export
from bedside.fhir.bulk.interactions import GROUP_VERSION
from bedside.fhir.bulk.members import members_of
from bedside.fhir.bulk.parameters import parameters_of
from bedside.fhir.outcome import Issue, Refused
from bedside.gateway.federation.exports.handles import Handles, Part
from bedside.gateway.federation.exports.kick_off import KickOff, concerned
from bedside.gateway.federation.exports.manifests import merged
from bedside.gateway.federation.refusals import outcome
from bedside.gateway.federation.semi_joins import Asking, OwnerRefused
from bedside.gateway.federation.wire import Answer, Streamed, Unreachable
from bedside.gateway.owners import Owners
from bedside.gateway.ownership import ENCOUNTERS, PATIENTS
from bedside.identity import LoginRefused

_STATUS = "$export-status"
_PATIENT_EXPORT = "Patient/$export"
_JSON = ("content-type", "application/fhir+json")
log = structlog.get_logger("bedside.gateway.exports")


class Exports:
    """Whatever an owner refuses is raised as OwnerRefused, its silence as Unreachable."""

    def __init__(self, owners: Owners, handles: Handles) -> None:
        self._owners = owners
        self._handles = handles

    async def begin(self, kick_off: KickOff, asking: Asking) -> Response:
        """Refused when it makes no sense or one owner refuses its part; then no other is left working on its own."""
        exports = concerned(kick_off, asking.caller, self._owners.ownership, self._owners.public_base)
        begun: list[Part] = []
        try:
            if kick_off.level == "group":
                await self._begin_group(kick_off, exports, asking, begun)
            else:
                for service in exports:
                    begun.append((await self._begin(service, kick_off, asking))[0])
        except (Refused, OwnerRefused, Unreachable, LoginRefused):
            await self._give_up(begun, asking)
            raise
        handle = self._handles.sealed(begun, asking.caller)
        told = Issue("informational", "The export is under way; ask at Content-Location.", severity="information")
        return outcome(202, [told], {"Content-Location": f"{self._owners.public_base}/{_STATUS}/{handle}"})

    async def status(self, handle: str, asking: Asking) -> Response:
        """202 while any owner is at work, then the manifest of all their files."""
        answers = await self._of_each("GET", self._handles.opened(handle, asking.caller), asking)
        _refuse_unless(answers, 200, 202)
        working = [answer for answer in answers if answer.status == 202]
        if working:
            progress = f"{len(answers) - len(working)} of {len(answers)} services are done"
            wait_s = max((answer.header("retry-after") or "1" for answer in working), key=_seconds)
            return Response(status_code=202, headers={"X-Progress": progress, "Retry-After": wait_s})
        manifest = orjson.dumps(merged([answer.json() for answer in answers]))
        return Response(manifest, media_type="application/json", headers=_expiry(answers))

    async def cancel(self, handle: str, asking: Asking) -> Response:
        """404 when no owner has anything of it any more."""
        answers = await self._of_each("DELETE", self._handles.opened(handle, asking.caller), asking)
        _refuse_unless(answers, 202, 404)
        if all(answer.status == 404 for answer in answers):
            raise OwnerRefused(answers[0])
        told = Issue("informational", "The export and its files are gone.", severity="information")
        return outcome(202, [told])

    async def file(self, job: str, type_name: str, place: str, asking: Asking) -> Answer | Streamed:
        """From the owner of the type, while it reads it: a file is never here as a whole."""
        owner = self._owners.owner_of(type_name)
        if owner is None:
            raise Refused(404, [Issue("not-found", "There is no such file of this export.")])
        headers = [(name.encode(), value.encode("latin-1")) for name, value in asking.headers]
        path = f"$export-file/{job}/{type_name}/{place}"
        return await self._owners.open(owner, "GET", path, headers, b"", asking.bearer)

    async def _begin_group(
        self, kick_off: KickOff, exports: Mapping[str, Export], asking: Asking, begun: list[Part]
    ) -> None:
        """The owner of groups begins, and says in which version it read the members; the others get these."""
        part, answer = await self._begin(PATIENTS, kick_off, asking)
        begun.append(part)
        if ENCOUNTERS not in exports:
            return
        patients = exports[ENCOUNTERS].among(await self._members(kick_off, answer, asking)).patients
        # Without a name all patients would be meant.
        if patients:
            said = [pair for pair in kick_off.pairs if pair[0] != "patient"]
            body = orjson.dumps(parameters_of(said, patients))
            rest = KickOff("patient", "POST", _PATIENT_EXPORT, "", body, kick_off.pairs, kick_off.lenient)
            begun.append((await self._begin(ENCOUNTERS, rest, asking))[0])

    async def _members(self, kick_off: KickOff, begun: Answer, asking: Asking) -> tuple[str, ...]:
        version = begun.header(GROUP_VERSION)
        if version is None:
            raise Unreachable(PATIENTS, "it did not say in which version it read the group")
        path = f"{kick_off.path.removesuffix('/$export')}/_history/{version}"
        read = await self._owners.request(PATIENTS, "GET", path, bearer=asking.bearer, headers=_unshaped(asking))
        _refuse_unless([read], 200)
        return members_of(read.json(), self._owners.public_base)

    async def _begin(self, service: str, kick_off: KickOff, asking: Asking) -> tuple[Part, Answer]:
        headers = [*asking.headers, _JSON] if kick_off.body else asking.headers
        answer = await self._owners.request(
            service, kick_off.method, kick_off.below_base, bearer=asking.bearer, body=kick_off.body, headers=headers
        )
        _refuse_unless([answer], 202)
        location = answer.header("content-location") or ""
        return Part(service, location.rpartition("/")[2]), answer

    async def _give_up(self, begun: Sequence[Part], asking: Asking) -> None:
        try:
            await self._of_each("DELETE", begun, asking)
        except (Unreachable, LoginRefused):
            # It ends by itself, and its files after their days.
            log.warning("export_left_alone", services=[part.service for part in begun])

    async def _of_each(self, method: str, parts: Sequence[Part], asking: Asking) -> list[Answer]:
        asked = (
            self._owners.request(service, method, f"{_STATUS}/{job}", bearer=asking.bearer, headers=_unshaped(asking))
            for service, job in parts
        )
        return await asyncio.gather(*asked)


def _refuse_unless(answers: Sequence[Answer], *expected: int) -> None:
    refused = next((answer for answer in answers if answer.status not in expected), None)
    if refused is not None:
        raise OwnerRefused(refused)


def _unshaped(asking: Asking) -> list[tuple[str, str]]:
    """What the client accepts is about the gateway's answer, not about what goes into it."""
    return [(name, value) for name, value in asking.headers if name != "accept"]


def _seconds(retry_after: str) -> int:
    return int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0


def _expiry(answers: Sequence[Answer]) -> dict[str, str]:
    told = [value for answer in answers if (value := answer.header("expires"))]
    return {"Expires": min(told, key=parsedate_to_datetime)} if told else {}
