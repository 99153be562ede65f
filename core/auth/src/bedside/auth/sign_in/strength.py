"""Whether a new password is good enough, and what to say where it is not.

Long rather than mixed, no rules of composition, nothing that is guessed early:
https://pages.nist.gov/800-63-3/sp800-63b.html#memsecret
"""

from collections.abc import Collection

from zxcvbn import zxcvbn  # type: ignore[import-untyped]

from bedside.auth.sign_in.passwords import PASSWORD_CHARACTERS_MAX

CHARACTERS_MIN = 12
SCORE_MIN = 4
"""More than 10¹⁰ guesses, by zxcvbn's estimate."""
# zxcvbn tries each reading of letters written as signs (`p@$$`): many signs take it ten seconds, these few 50 ms.
_JUDGED_CHARACTERS_MAX = 32
_LETTERLIKE_MAX = 10
_LETTERLIKE = frozenset("4@8({[<3690!1|$5+7%2")
_PLAIN = str.maketrans("@({[<!|$+%", "-_.,;:?&#*")
_ADVICE = "Add words that have nothing to do with you, this place or one another."
_OURS = ("bedside", "hospital", "password")


def weakness(password: str, *, about: Collection[str] = ()) -> str | None:
    """What is wrong with it, in a sentence or two; None when it will do. `about`: names an acquaintance would try.

    Takes up to some 50 ms of processor.
    """
    if len(password) < CHARACTERS_MIN:
        return (
            f"Use at least {CHARACTERS_MIN} characters. Four or five ordinary words do well, with spaces if you like."
        )
    if len(password) > PASSWORD_CHARACTERS_MAX:
        return f"Use at most {PASSWORD_CHARACTERS_MAX} characters."
    known = [part for name in about for part in (name, *name.split())]
    judged = zxcvbn(_judged(password), user_inputs=[part[:_JUDGED_CHARACTERS_MAX] for part in (*known, *_OURS)])
    if judged["score"] >= SCORE_MIN:
        return None
    return " ".join(("This one would be guessed early.", judged["feedback"]["warning"] or _ADVICE)).strip()


def _judged(password: str) -> str:
    part = password[:_JUDGED_CHARACTERS_MAX]
    return part.translate(_PLAIN) if len(_LETTERLIKE & set(part)) > _LETTERLIKE_MAX else part
