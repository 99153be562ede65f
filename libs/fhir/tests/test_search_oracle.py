"""Random questions to random data, answered by the index and again, in plain Python, by looking at every resource.

The oracle shares nothing with the engine: dates, units and folding are worked out anew, from R4's own words.
"""

import random
import unicodedata
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from bedside.fhir.search.testing import Shelf, shelf

pytestmark = pytest.mark.slow

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
SEEDS = range(4)
QUESTIONS = 150
LONG_AGO, FAR_AHEAD = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
DATES = (
    "2019", "2020", "2020-02", "2020-02-28", "2020-02-29", "2020-03-01", "2020-12-31", "2021", "2021-01",
    "2020-02-29T23:30:00Z", "2020-02-29T23:30:00-05:00", "2020-03-01T13:29:59+14:00", "2020-02-29T23:30:00.250Z",
    "2020-02-29T23:29:60Z",
)  # fmt: skip
FAMILIES = ("Müller", "Muller", "O'Brien", "Obrien-Jones", "van der Berg", "MÜLLERIN", "Ng", "Berg")
AMOUNTS = ("5", "5.0", "5.00", "4.95", "5.04", "0.005", "5000", "-1", "0", "98.6", "37", "37.0")
# To grams or to kelvin: factor, offset.
UNITS = {
    "mg": (Fraction(1, 1000), Fraction(0)),
    "g": (Fraction(1), Fraction(0)),
    "ug": (Fraction(1, 1_000_000), Fraction(0)),
    "Cel": (Fraction(1), Fraction(27315, 100)),
    "[degF]": (Fraction(5, 9), Fraction(45967, 180)),
    "K": (Fraction(1), Fraction(0)),
}
KINDS_OF_UNIT = ({"mg", "g", "ug"}, {"Cel", "[degF]", "K"})
CODINGS = (
    {"system": "urn:a", "code": "x"},
    {"system": "urn:b", "code": "x"},
    {"code": "x"},
    {"system": "urn:a", "code": "y"},
)


class Question(NamedTuple):
    """`name=value` of one type, and which resources it finds."""

    name: str
    value: str
    finds: Callable[[Json], bool]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(request.param, tmp_path) as empty:
        yield empty


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_index_finds_what_looking_at_every_resource_finds(on: Shelf, seed: int) -> None:
    world = World(random.Random(seed))
    # Earlier versions and deleted resources leave rows behind that must not be found.
    await on.put(*world.make())
    world.resources = world.make()
    await on.put(*world.resources)
    for gone in world.random.sample(world.resources, 8):
        await on.delete(f"{gone['resourceType']}/{gone['id']}")
        world.resources.remove(gone)
    wrong, hits = {}, 0
    for _ in range(QUESTIONS):
        type_name = world.random.choice(["Observation", "Patient", "Organization"])
        asked = [world.question(type_name, depth=0) for _ in range(world.random.choice([1, 1, 2]))]
        address = f"{type_name}?_count=1000&" + "&".join(f"{each.name}={quote(each.value)}" for each in asked)
        expected = {each["id"] for each in world.of(type_name) if all(question.finds(each) for question in asked)}
        found = await on.found(address)
        hits += bool(expected)
        if set(found) != expected or len(found) != len(expected):
            wrong[address] = (sorted(found), sorted(expected))
    assert wrong == {}
    # Questions that find nothing prove nothing.
    assert hits > QUESTIONS / 3


class World:
    """Organisations within one another, their patients, and what was observed of these."""

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.resources: list[Json] = []

    def of(self, type_name: str) -> list[Json]:
        return [each for each in self.resources if each["resourceType"] == type_name]

    # --- what there is ---

    def make(self) -> list[Json]:
        return [
            *(self.organization(n) for n in range(5)),
            *(self.patient(n) for n in range(20)),
            *(self.observation(n) for n in range(60)),
        ]

    def some(self, **elements: Any) -> Json:
        """Each of these elements as often as not."""
        return {name: value for name, value in elements.items() if value is not None and self.random.random() < 0.8}

    def organization(self, n: int) -> Json:
        within = {"reference": f"Organization/{self.random.randrange(5)}"}
        named = self.some(name=self.random.choice(FAMILIES), partOf=within)
        return {"resourceType": "Organization", "id": str(n), **named}

    def patient(self, n: int) -> Json:
        told = self.some(
            gender=self.random.choice(["male", "female"]),
            birthDate=self.random.choice(DATES[:9]),
            name=[{"family": self.random.choice(FAMILIES)}],
            managingOrganization={"reference": f"Organization/{self.random.randrange(5)}"},
        )
        return {"resourceType": "Patient", "id": str(n), **told}

    def observation(self, n: int) -> Json:
        told = self.some(
            code={"coding": self.random.sample(CODINGS, self.random.choice([1, 2]))},
            subject={"reference": f"Patient/{self.random.randrange(20)}"},
            **self.when(),
            **self.measured(),
        )
        return {"resourceType": "Observation", "id": str(n), "status": "final", **told}

    def when(self) -> Json:
        if self.random.random() < 0.5:
            return {"effectiveDateTime": self.random.choice(DATES)}
        start, end = sorted(self.random.sample(DATES, 2), key=lambda each: bounds(each)[0])
        return {"effectivePeriod": self.some(start=start, end=end) or {"start": start}}

    def measured(self) -> Json:
        unit = self.random.choice(sorted(UNITS))
        amount = float(self.random.choice(AMOUNTS))
        return {"valueQuantity": {"value": amount, "system": UCUM, "code": unit, "unit": unit}}

    # --- what is asked ---

    def question(self, type_name: str, depth: int) -> Question:
        plain: dict[str, list[Callable[[], Question]]] = {
            "Organization": [lambda: self.string("name", lambda each: [each["name"]] if "name" in each else [])],
            "Patient": [
                lambda: self.string("family", lambda each: [name["family"] for name in each.get("name", ())]),
                lambda: self.date("birthdate", "birthDate"),
                self.gender,
                lambda: self.identity(20),
            ],
            "Observation": [lambda: self.date("date", "effective"), self.code, self.quantity],
        }
        chained: dict[str, list[Callable[[], Question]]] = {
            "Organization": [
                lambda: self.refers("partof", "Organization", "partOf", depth),
                lambda: self.has("Patient", "organization", "managingOrganization", depth),
                lambda: self.has("Organization", "partof", "partOf", depth),
            ],
            "Patient": [
                lambda: self.refers("organization", "Organization", "managingOrganization", depth),
                lambda: self.has("Observation", "subject", "subject", depth),
                lambda: self.has("Observation", "patient", "subject", depth),
            ],
            "Observation": [lambda: self.refers("subject:Patient", "Patient", "subject", depth)],
        }
        able = plain[type_name] + (chained[type_name] if depth < 3 else [])
        return self.random.choice(able)()

    def refers(self, name: str, target: str, element: str, depth: int) -> Question:
        inner = self.question(target, depth + 1)

        def finds(each: Json) -> bool:
            wanted = each.get(element, {}).get("reference")
            return any(f"{target}/{other['id']}" == wanted and inner.finds(other) for other in self.of(target))

        return Question(f"{name}.{inner.name}", inner.value, finds)

    def has(self, source: str, name: str, element: str, depth: int) -> Question:
        inner = self.question(source, depth + 1)

        def finds(each: Json) -> bool:
            own = f"{each['resourceType']}/{each['id']}"
            return any(
                other.get(element, {}).get("reference") == own and inner.finds(other) for other in self.of(source)
            )

        return Question(f"_has:{source}:{name}:{inner.name}", inner.value, finds)

    def identity(self, among: int) -> Question:
        ids = [str(self.random.randrange(among)) for _ in range(3)]
        return Question("_id", ",".join(ids), lambda each: each["id"] in ids)

    def gender(self) -> Question:
        modifier = self.random.choice(["", ":not", ":missing"])
        if modifier == ":missing":
            is_missing = self.random.choice([True, False])
            return Question(
                "gender:missing", str(is_missing).lower(), lambda each: ("gender" not in each) == is_missing
            )
        wanted = self.random.sample(["male", "female"], self.random.choice([1, 2]))
        return Question(
            f"gender{modifier}", ",".join(wanted), lambda each: (each.get("gender") in wanted) != (modifier == ":not")
        )

    def code(self) -> Question:
        written: dict[str, Callable[[Json], bool]] = {
            "x": lambda coding: coding["code"] == "x",
            "urn:a|x": lambda coding: coding == {"system": "urn:a", "code": "x"},
            "|x": lambda coding: coding == {"code": "x"},
            "urn:a|": lambda coding: coding.get("system") == "urn:a",
            "y": lambda coding: coding["code"] == "y",
        }
        modifier = self.random.choice(["", "", ":not"])
        values = self.random.sample(sorted(written), self.random.choice([1, 2]))

        def finds(each: Json) -> bool:
            codings = each.get("code", {}).get("coding", ())
            return any(written[value](coding) for value in values for coding in codings) != (modifier == ":not")

        return Question(f"code{modifier}", ",".join(values), finds)

    def string(self, name: str, texts: Callable[[Json], list[str]]) -> Question:
        modifier = self.random.choice(["", ":exact", ":contains"])
        wanted = self.random.choice(FAMILIES)
        if modifier != ":exact":
            begins = self.random.randrange(2) if modifier else 0
            wanted = wanted[begins : begins + self.random.choice([2, 3, 9])]
        compared: dict[str, Callable[[str], bool]] = {
            "": lambda text: folded(text).startswith(folded(wanted)),
            ":exact": lambda text: text == wanted,
            ":contains": lambda text: folded(wanted) in folded(text),
        }
        return Question(f"{name}{modifier}", wanted, lambda each: any(map(compared[modifier], texts(each))))

    def date(self, name: str, element: str) -> Question:
        prefix = self.random.choice(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
        asked = self.random.choice(DATES)

        def finds(each: Json) -> bool:
            if f"{element}Period" in each:
                period = each[f"{element}Period"]
                lo = bounds(period["start"])[0] if "start" in period else LONG_AGO
                hi = bounds(period["end"])[1] if "end" in period else FAR_AHEAD
                return holds(prefix or "eq", (lo, hi), bounds(asked))
            text = each.get(f"{element}DateTime", each.get(element))
            return text is not None and holds(prefix or "eq", bounds(text), bounds(asked))

        return Question(name, prefix + asked, finds)

    def quantity(self) -> Question:
        prefix = self.random.choice(["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
        amount, unit = self.random.choice(AMOUNTS), self.random.choice(sorted(UNITS))

        def finds(each: Json) -> bool:
            held = each.get("valueQuantity")
            if held is None or not any({held["code"], unit} <= kind for kind in KINDS_OF_UNIT):
                return False
            value = converted(Fraction(str(held["value"])), held["code"])
            return compares(prefix or "eq", value, amount, unit)

        return Question("value-quantity", f"{prefix}{amount}|{UCUM}|{unit}", finds)


def bounds(text: str) -> tuple[datetime, datetime]:
    """From when to before when."""
    day, _, time = text.partition("T")
    year, *rest = map(int, day.split("-"))
    if not time:
        if not rest:
            return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        if len(rest) == 1:
            following = (year + 1, 1) if rest[0] == 12 else (year, rest[0] + 1)
            return datetime(year, rest[0], 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
        begins = datetime(year, *rest, tzinfo=UTC)
        return begins, begins + timedelta(days=1)
    zone = UTC
    if not time.endswith("Z"):
        sign = -1 if time[-6] == "-" else 1
        zone = timezone(sign * timedelta(hours=int(time[-5:-3]), minutes=int(time[-2:])))
    clock = time.removesuffix("Z") if time.endswith("Z") else time[:-6]
    hour, minute, second = clock.split(":")
    # A leap second is counted as the one before it.
    whole, _, fraction = second.partition(".")
    begins = datetime(year, *rest, int(hour), int(minute), min(int(whole), 59), tzinfo=zone)
    if fraction:
        begins += timedelta(milliseconds=int(fraction))
        return begins, begins + timedelta(milliseconds=1)
    return begins, begins + timedelta(seconds=1)


def holds(prefix: str, target: tuple[datetime, datetime], asked: tuple[datetime, datetime]) -> bool:
    """https://hl7.org/fhir/R4/search.html#prefix, with ranges on both sides."""
    (lo, hi), (a, b) = target, asked
    contained = a <= lo and hi <= b
    margin = max(b - a, timedelta(days=1))
    return {
        "eq": contained,
        "ne": not contained,
        "gt": hi > b,
        "lt": lo < a,
        "ge": hi > b or contained,
        "le": lo < a or contained,
        "sa": lo >= b,
        "eb": hi <= a,
        "ap": lo < b + margin and hi > a - margin,
    }[prefix]


def compares(prefix: str, value: Fraction, amount: str, unit: str) -> bool:
    exact = Fraction(amount)
    half = Fraction(1, 2) / 10 ** len(amount.partition(".")[2])
    asked, about = converted(exact, unit), abs(exact) / 10 * UNITS[unit][0]
    near = converted(exact - half, unit) <= value < converted(exact + half, unit)
    return {
        "eq": near,
        "ne": not near,
        "gt": value > asked,
        "sa": value > asked,
        "lt": value < asked,
        "eb": value < asked,
        "ge": value >= asked,
        "le": value <= asked,
        "ap": asked - about <= value <= asked + about,
    }[prefix]


def converted(value: Fraction, unit: str) -> Fraction:
    factor, offset = UNITS[unit]
    return value * factor + offset


def folded(text: str) -> str:
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(plain.casefold().replace("'", "").replace("-", " ").split())
