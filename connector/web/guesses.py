"""How often an address may give a wrong admin token before nobody looks at what it gives."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

BURST: Final = 20
"""Wrong tokens that an address may give at once."""
EVERY: Final = 3.0
"""Seconds after which it may give one more."""
_ADDRESSES: Final = 1024
"""Those remembered; the one that was quiet the longest is forgotten first."""


class Guesses:
    """Counts wrong tokens by the address that they came from."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """``clock`` gives seconds that never go back."""
        self._clock = clock
        self._free_at: OrderedDict[str, float] = OrderedDict()
        """When each address would have all its guesses again."""

    def exhausted(self, address: str) -> bool:
        """Say whether what an address gives is not looked at now."""
        return self._free_at.get(address, 0.0) - self._clock() > (BURST - 1) * EVERY

    def count(self, address: str) -> None:
        """Note a wrong token."""
        now = self._clock()
        self._free_at[address] = max(self._free_at.pop(address, now), now) + EVERY
        if len(self._free_at) > _ADDRESSES:
            self._free_at.popitem(last=False)
