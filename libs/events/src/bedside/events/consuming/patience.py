"""How long a consumer waits for what, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """The defaults are for production; tests are less patient."""

    quick_tries: int = 3
    attempts_max: int = 12
    retry_first_s: float = 1.0
    retry_longest_s: float = 3600.0
    gap_s: float = 2.0
    look_s: float = 1.0
    sweep_every_s: float = 60.0
    sweep_older_than_s: float = 30.0
    away_first_s: float = 0.5
    away_longest_s: float = 30.0

    def retry_after_s(self, attempts: int) -> float:
        """After the first failure `retry_first_s`, then twice as long each time."""
        return min(self.retry_first_s * 2.0 ** max(0, attempts - 1), self.retry_longest_s)
