"""The calls of the last seconds."""

from collections import deque


class Window:
    """Counts the calls of the last seconds, at every instant."""

    def __init__(self) -> None:
        self._at: deque[float] = deque()

    def count(self, now: float, seconds: float) -> int:
        """Return how many calls were made in the seconds before now."""
        while self._at and self._at[0] <= now - seconds:
            self._at.popleft()
        return len(self._at)

    def resets_in(self, now: float, seconds: float) -> float:
        """Return the seconds until the oldest call counts no more."""
        return self._at[0] + seconds - now if self._at else 0.0

    def add(self, now: float) -> None:
        """Count one call."""
        self._at.append(now)
