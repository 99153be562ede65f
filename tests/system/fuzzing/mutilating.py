"""Good resources with something wrong put into them, anywhere."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": "http://example.org/fuzz", "value": "1"}],
    "name": [{"family": "Fuzz", "given": ["Ada", "B"], "_given": [None, {"id": "b"}]}],
    "gender": "female",
    "birthDate": "1980-02-29",
    "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
    "managingOrganization": {"reference": "#o"},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "pulse"},
    "subject": {"reference": "Patient/p1"},
    "effectivePeriod": {"start": "2026-01-01", "end": "2026-01-02T10:00:00Z"},
    "valueQuantity": {"value": 72.50, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    "component": [{"code": {"text": "x"}, "valueRange": {"low": {"value": 1}}}],
}
TRANSACTION = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:6f3b1d1e-3c77-4f0a-8b39-4a1f6f0d0003",
            "resource": PATIENT,
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=http://example.org/fuzz|1"},
        },
        {"resource": OBSERVATION, "request": {"method": "POST", "url": "Observation"}},
        {"request": {"method": "GET", "url": "Observation?subject:Patient.name=fuzz&_count=1"}},
        {"request": {"method": "DELETE", "url": "Patient?identifier=http://example.org/fuzz|none"}},
    ],
}
BATCH = {**TRANSACTION, "type": "batch"}
PARAMETERS = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Patient.name[0].family"},
                {"name": "value", "valueString": "New"},
            ],
        }
    ],
}
JSON_PATCH = [
    {"op": "test", "path": "/gender", "value": "female"},
    {"op": "replace", "path": "/name/0/family", "value": "New"},
    {"op": "move", "from": "/birthDate", "path": "/deceasedDateTime"},
]

TEXTS = st.sampled_from(
    [
        "", " ", "\x00", "\ud800", "'; DROP TABLE version; --", "%", "_", "\\", "|", "|||", "$", ",", "a|b|c|d", "-1",
        "1e400", "NaN", "9" * 400, "0000", "2026-13-45", "2026-02-30T25:61:61Z", "9999-12-31T23:59:60+14:00", "ap2026",
        "Patient/p1", "Patient/p1/_history/1", "../../etc/passwd", "urn:uuid:x", "#", "#o", "Patient?name=x", "http://[",
        "\u202e\u2066", "\U0001f600" * 40, "א" * 300, "true", "null", "<script>alert(1)</script>", "${7*7}", "*",
        "a" * 5000,
    ]
)  # fmt: skip
VALUES = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=20),
    st.sampled_from([[], {}, [[]], [None], {"": 1}, [{}], {"reference": "x"}, {"resourceType": "Patient"}]),
)


@st.composite
def mutilated(draw: st.DrawFn, good: Any) -> bytes:
    """JSON as bytes: one to three places changed, removed, doubled or renamed; seldom no JSON at all."""
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        _spoil(draw, body)
    text = json.dumps(body, ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 19)) == 0:
        cut = draw(st.integers(0, len(text)))
        text = text[:cut] + draw(st.sampled_from(["", "}", '"', "\x00", ',"gender":1']))
    return text.encode("utf-8", "surrogatepass")


def _spoil(draw: st.DrawFn, body: Any) -> None:
    places = [(holder, key) for holder in _holders(body) for key in _keys(holder)]
    if not places:
        return
    holder, key = draw(st.sampled_from(places))
    act = draw(st.sampled_from(["change", "change", "remove", "wrap", "rename"]))
    if act == "remove":
        del holder[key]
    elif act == "wrap":
        holder[key] = [copy.deepcopy(holder[key]) for _ in range(draw(st.integers(1, 2)))]
    elif act == "rename" and isinstance(holder, dict):
        holder[draw(st.one_of(TEXTS, st.sampled_from(["_" + str(key), "value", "valueString"])))] = holder.pop(key)
    else:
        # A copy: the next change may lie inside it, and the lists above are drawn from again.
        holder[key] = copy.deepcopy(draw(VALUES))


def _holders(node: Any) -> list[Any]:
    children = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    own = [node] if isinstance(node, dict | list) else []
    return own + [holder for child in children for holder in _holders(child)]


def _keys(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))
