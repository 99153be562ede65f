"""R4: what people are called."""

from bedside.clinical.resources import HumanName


def chosen_name(names: list[HumanName] | None) -> HumanName | None:
    """Official, else usual, else one without a use, else any that is not old."""
    current = [name for name in names or [] if name.get("use") != "old"]
    for use in ("official", "usual", None):
        for name in current:
            if name.get("use") == use:
                return name
    return current[0] if current else None


def person_name(names: list[HumanName] | None) -> str | None:
    """As it is spoken to patients and relatives: without a prefix."""
    return full_name(chosen_name(names))


def full_name(name: HumanName | None) -> str | None:
    if not name:
        return None
    return name.get("text") or " ".join([*name.get("given", []), *_family(name)]) or None


def sort_name(names: list[HumanName] | None) -> str | None:
    """Family, Given…"""
    name = chosen_name(names)
    if not name:
        return None
    given = " ".join(name.get("given", []))
    return ", ".join(part for part in (name.get("family"), given) if part) or name.get("text")


def preferred_name(names: list[HumanName] | None) -> str | None:
    """What they like to be called, where that is another first name than the one on paper."""
    chosen = chosen_name(names)
    on_paper = _first_given(chosen)
    for name in names or []:
        first = _first_given(name)
        if name is not chosen and name.get("use") in ("usual", "nickname") and first and first != on_paper:
            return first
    return None


def professional_name(names: list[HumanName] | None) -> str | None:
    name = chosen_name(names)
    if not name:
        return None
    return " ".join([*name.get("prefix", []), *name.get("given", []), *_family(name)]) or name.get("text")


def _family(name: HumanName) -> list[str]:
    return [name["family"]] if name.get("family") else []


def _first_given(name: HumanName | None) -> str | None:
    return next(iter((name or {}).get("given", [])), None)
