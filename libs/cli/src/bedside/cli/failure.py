"""Why a command ends without having done its work."""


class Failure(Exception):
    """The sentence is for the person at the terminal; the exit status is 1."""
