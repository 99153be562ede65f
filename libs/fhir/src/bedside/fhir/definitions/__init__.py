"""The official R4 4.0.1 definitions, as data."""

from bedside.fhir.definitions.known import Definitions, definitions
from bedside.fhir.definitions.search_parameter import Component, SearchParameter
from bedside.fhir.definitions.structure import Binding, Element, Structure, TypeChoice
from bedside.fhir.definitions.terminology import Terminology, terminology

__all__ = [
    "Binding",
    "Component",
    "Definitions",
    "Element",
    "SearchParameter",
    "Structure",
    "Terminology",
    "TypeChoice",
    "definitions",
    "terminology",
]
