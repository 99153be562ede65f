"""Places near a position: `latitude|longitude|distance|units`. http://hl7.org/fhir/R4/location.html#search

A position is kept as a point on the unit sphere. Two points are nearer than a distance when the straight line between
them is shorter than that distance's chord, which both databases can tell with plain arithmetic.
"""

import re
from collections.abc import Iterator
from math import cos, isfinite, pi, radians, sin
from typing import Any, NamedTuple

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, sp_among
from bedside.fhir.search.escaping import split, unescaped
from bedside.fhir.search.units import canonical

# The mean radius: the true one differs by less than 0.4 % from it.
EARTH_M = 6_371_008.8
# R4 leaves it to the server what is near when no distance is given.
DISTANCE_DEFAULT_M = 10_000.0
_NUMBER = re.compile(r"[+-]?\d{1,6}(?:\.\d{1,20})?", re.ASCII)
_METRE = "m1"


class Point(NamedTuple):
    """On the unit sphere; z points north, and is what the index is ordered by."""

    z: float
    x: float
    y: float


def point(latitude: float, longitude: float) -> Point:
    """Degrees, WGS84."""
    north, east = radians(latitude), radians(longitude)
    return Point(sin(north), cos(north) * cos(east), cos(north) * sin(east))


def points_of(position: Any) -> Iterator[Point]:
    """Of a Location.position."""
    if not isinstance(position, dict):
        return
    latitude, longitude = position.get("latitude"), position.get("longitude")
    if latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 360:
        yield point(float(latitude), float(longitude))


def criterion(asked: Asked) -> Criterion:
    asked.allow(())
    return Indexed(tuple(_rows(asked, value) for value in asked.values))


def _rows(asked: Asked, value: str) -> Rows:
    parts = [unescaped(part) for part in split(value, "|")]
    if not 2 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts[:2]):
        asked.refuse("a place is written as latitude|longitude|distance|units, in degrees")
    latitude, longitude = float(parts[0]), float(parts[1])
    if abs(latitude) > 90 or abs(longitude) > 180:
        asked.refuse("a latitude is from -90 to 90 and a longitude from -180 to 180 degrees")
    return _within(asked, point(latitude, longitude), _metres(asked, *parts[2:]))


def _metres(asked: Asked, distance: str = "", units: str = "") -> float:
    if not distance:
        return DISTANCE_DEFAULT_M
    unit = canonical(units or "km")
    if unit is None or unit.base != _METRE or not _NUMBER.fullmatch(distance) or float(distance) < 0:
        asked.refuse("a distance is a number, not below 0, with a UCUM unit of length such as km or [mi_i]")
    metres = float(distance) * float(unit.factor)
    if not isfinite(metres):
        asked.refuse("the distance is larger than can be compared")
    return metres


def _within(asked: Asked, centre: Point, metres: float) -> Rows:
    # Half the way round is everywhere.
    angle = min(metres / EARTH_M, pi)
    chord = (2 * sin(angle / 2)) ** 2
    # What is within a chord of the centre is within it northwards and southwards too.
    reach = 2 * sin(angle / 2)

    def where(statement: Statement, i: str) -> str:
        lo, hi = statement.bind(centre.z - reach - _GRAIN), statement.bind(centre.z + reach + _GRAIN)
        apart = " + ".join(_squared(statement, f"{i}.{axis}", getattr(centre, axis)) for axis in ("z", "x", "y"))
        return (
            f"{sp_among(i, asked.sps)} AND {i}.z >= {lo} AND {i}.z <= {hi}"
            f" AND {apart} <= {statement.bind(chord + _GRAIN**2)}"
        )

    return Rows("ix_near", where)


# About 6 cm: two ways of writing one position are one place.
_GRAIN = 1e-8


def _squared(statement: Statement, column: str, value: float) -> str:
    return f"({column} - {statement.bind(value)}) * ({column} - {statement.bind(value)})"
