"""How often one may come: so many at once, then at a steady rate. In memory and bounded; refuses nobody by itself."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

#: names that are remembered at the most; the one quiet the longest is forgotten first
MOST_NAMES = 10_000


class Pace:
    """For each name `burst` times at once; each comes back after 1 / `a_second` seconds."""

    def __init__(self, now: Callable[[], datetime], *, burst: float, a_second: float) -> None:
        self._now, self._burst, self._a_second = now, burst, a_second
        #: times left, and as of when
        self._names: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def __len__(self) -> int:
        """The names that are remembered."""
        return len(self._names)

    def fits(self, name: str) -> bool:
        """Whether this name may come now. Who comes too early loses nothing by it."""
        now = self._now()
        left = self._left(self._names.pop(name, (self._burst, now)), now)
        fits = left >= 1
        self._names[name] = (left - fits, now)
        while len(self._names) > MOST_NAMES or self._left(next(iter(self._names.values())), now) == self._burst:
            self._names.popitem(last=False)  # who has all their times back is as good as new
        return fits

    def _left(self, stood: tuple[float, datetime], now: datetime) -> float:
        left, since = stood
        elapsed_s = max(0.0, (now - since).total_seconds())  # a clock may be set back
        return min(self._burst, left + elapsed_s * self._a_second)


def of_street(host: str) -> str:
    """An address by which a house in the street is counted; of IPv6 the network that one customer gets.

    "" for those that tell nothing of who comes: of this machine, or of a proxy whose word is not taken.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if not address.is_global:
        return ""
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
