"""How fast somebody may write."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class Pace:
    """Lets each visitor send at most `most` messages in `seconds`."""

    def __init__(self, most: int, seconds: float = 60.0, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._most, self._seconds, self._clock = most, seconds, clock
        self._sent: dict[str, list[float]] = {}

    def wait(self, visitor: str) -> int:
        """Count a message of `visitor`; if it is one too many, give the seconds to wait, else 0."""
        moment = self._clock()
        if len(self._sent) > 10_000:
            self._sent = {who: times for who, times in self._sent.items() if times[-1] > moment - self._seconds}
        times = [time for time in self._sent.get(visitor, []) if time > moment - self._seconds]
        if len(times) >= self._most:
            return max(1, round(times[0] + self._seconds - moment))
        self._sent[visitor] = [*times, moment]
        return 0
