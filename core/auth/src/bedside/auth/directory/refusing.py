"""What the directory will not do."""

from typing import Literal

Reason = Literal[
    "not-permitted",
    "self-promotion",
    "last-administrator",
    "username-taken",
    "group-name-taken",
    "invalid",
    "too-many",
    "unknown",
]


class DirectoryRefused(Exception):
    """Nothing was changed. `sentence` may be shown to the administrator; it repeats nothing that was typed."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}")
        self.reason = reason
        self.sentence = sentence


def not_permitted() -> DirectoryRefused:
    return DirectoryRefused("not-permitted", "The right users.manage is needed.")


def self_promotion() -> DirectoryRefused:
    return DirectoryRefused("self-promotion", "Nobody can give rights to themselves: ask another administrator.")


def last_administrator() -> DirectoryRefused:
    return DirectoryRefused(
        "last-administrator", "This would leave nobody who is an administrator without an end: name another one first."
    )


def invalid(sentence: str) -> DirectoryRefused:
    return DirectoryRefused("invalid", sentence)
