r"""Lists and parts inside a parameter's value: `,` `|` `$`, and their escapes `\,` `\|` `\$` `\\`.

http://hl7.org/fhir/R4/search.html#escaping
"""

import re

_ESCAPED = re.compile(r"\\([,|$\\])")


def split(text: str, separator: str) -> list[str]:
    """At the separators that are not escaped. The parts keep their escapes."""
    if "\\" not in text:
        return text.split(separator)
    parts, part, place = [], "", 0
    while place < len(text):
        if text[place] == "\\" and place + 1 < len(text):
            part += text[place : place + 2]
            place += 2
            continue
        if text[place] == separator:
            parts.append(part)
            part = ""
        else:
            part += text[place]
        place += 1
    return [*parts, part]


def unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
