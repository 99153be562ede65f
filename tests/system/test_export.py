"""Everything leaves one running platform as files, and arrives in another."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from bedside.fhir import exact_json
from tests.platform import Platform, running_platform
from tests.system.access import Access

_BEDSIDE = Path(sys.executable).with_name("bedside")
Lines = dict[str, bytes]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Another platform, with nothing but its demo."""
    yield from running_platform(tmp_path_factory.mktemp("elsewhere"), {})


def client(platform: Platform) -> httpx.Client:
    access = Access(platform.demo)
    return access.fhir(access.client_token())


def export(fhir: httpx.Client, path: str = "$export") -> dict[str, Any]:
    begun = fhir.get(path, headers={"Prefer": "respond-async"})
    assert begun.status_code == 202, begun.text
    for _ in range(300):
        told = fhir.get(begun.headers["content-location"])
        if told.status_code != 202:
            assert told.status_code == 200, told.text
            manifest: dict[str, Any] = told.json()
            return manifest
        time.sleep(0.1)
    raise AssertionError("the export did not end within 30 s")


def download(fhir: httpx.Client, manifest: dict[str, Any], folder: Path) -> None:
    folder.mkdir()
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))
    for place, file in enumerate(manifest["output"]):
        sent = fhir.get(file["url"], headers={"Accept": "application/fhir+ndjson"})
        assert sent.status_code == 200, sent.text
        (folder / f"{file['type']}.{place}.ndjson").write_bytes(sent.content)


def lines(folder: Path) -> Lines:
    """By type and id, without what each server stamps; everything else to the byte."""
    found: Lines = {}
    for path in folder.glob("*.ndjson"):
        for line in path.read_bytes().splitlines():
            resource = exact_json.parse(line)
            meta = {name: value for name, value in resource.pop("meta").items() if name not in _STAMPED}
            key = f"{resource['resourceType']}/{resource['id']}"
            found[key] = exact_json.emit({**resource, **({"meta": meta} if meta else {})})
    return found


_STAMPED = ("versionId", "lastUpdated")


def referring_in_circles() -> dict[str, Any]:
    """An encounter because of a condition that was found in that encounter; an observation to the last digit."""
    patient = {"reference": "Patient/round"}
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    resources: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "round", "name": [{"family": "Trip"}]},
        {
            "resourceType": "Encounter",
            "id": "round",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": patient,
            "diagnosis": [{"condition": {"reference": "Condition/round"}}],
        },
        {
            "resourceType": "Condition",
            "id": "round",
            "clinicalStatus": {"coding": [{"system": clinical, "code": "active"}]},
            "code": {"text": "x"},
            "subject": patient,
            "encounter": {"reference": "Encounter/round"},
        },
    ]
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


EXACT = (
    b'{"resourceType":"Observation","id":"round","status":"final","code":{"text":"x"},'
    b'"subject":{"reference":"Patient/round"},"valueQuantity":{"value":1.50}}'
)


@pytest.mark.slow
def test_what_one_platform_exports_another_loads_and_exports_again(
    platform: Platform, elsewhere: Platform, tmp_path: Path
) -> None:
    with client(platform) as here:
        here.post("", json=referring_in_circles()).raise_for_status()
        headers = {"Content-Type": "application/fhir+json"}
        here.put("Observation/round", content=EXACT, headers=headers).raise_for_status()
        download(here, export(here), tmp_path / "here")
    wanted = lines(tmp_path / "here")
    assert {"Patient/round", "Encounter/round", "Condition/round", "Observation/round"} <= wanted.keys()

    loaded = load(tmp_path / "here", elsewhere)
    assert loaded.returncode == 0, loaded.stderr[-4000:]
    assert f"{len(wanted)} resources in" in loaded.stderr
    with client(elsewhere) as there:
        download(there, export(there), tmp_path / "there")
    arrived = lines(tmp_path / "there")
    assert {key: arrived.get(key) for key in wanted} == wanted

    again = load(tmp_path / "here", elsewhere)
    assert again.returncode == 0, again.stderr[-4000:]
    assert f"{len(wanted)} loaded before" in again.stderr


def test_a_group_is_exported_over_both_services_while_its_members_are_named_by_one(platform: Platform) -> None:
    with client(platform) as fhir:
        member = [{"entity": {"reference": "Patient/p1"}}]
        group = {"resourceType": "Group", "id": "exported", "type": "person", "actual": True, "member": member}
        fhir.put("Group/exported", json=group).raise_for_status()
        try:
            manifest = export(fhir, "Group/exported/$export?_type=Patient,Observation")
            told = {file["type"]: file["count"] for file in manifest["output"]}
            found = fhir.get("Observation", params={"patient": "p1", "_summary": "count"}).json()["total"]
            assert found > 0
            assert told == {"Patient": 1, "Observation": found}
        finally:
            fhir.delete("Group/exported").raise_for_status()


def load(folder: Path, platform: Platform) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BEDSIDE_DATA_DIR": str(platform.data_dir), "COLUMNS": "400"}
    return subprocess.run([_BEDSIDE, "load", str(folder)], env=environment, capture_output=True, text=True, timeout=300)
