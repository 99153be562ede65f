"""Why the glass stays whole, or a review is not taken."""

from typing import Literal

Reason = Literal[
    "not-permitted",
    "app",
    "step-up",
    "too-many",
    "own",
    "reviewed",
]


class GlassRefused(Exception):
    """Nothing was changed. `sentence` may be shown; it repeats nothing that was typed."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}")
        self.reason = reason
        self.sentence = sentence
