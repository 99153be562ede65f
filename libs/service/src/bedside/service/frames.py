"""Where an exception came from, without what it says."""

import traceback


def frames(error: BaseException) -> list[str]:
    """`file:line function`, innermost last, of the exception and of what caused it."""
    told: list[str] = []
    current: BaseException | None = error
    while current is not None and len(told) < 60:
        stack = traceback.extract_tb(current.__traceback__)
        told = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack[-30:]] + told
        current = current.__cause__ or current.__context__
    return told
