"""When periodic work is due. Pure: the time is handed in.

Each thing has intervals that begin at a moment of its own, found by hashing its name: a thousand repositories that are looked at every
minute are looked at seventeen a second, not all at once, and every worker finds the same moments without speaking to the others.
"""

import hashlib
import math


def interval_number(name: str, seconds: float, now: float) -> int:
    """The number of the interval that it is now for a thing; when it is another than last time, the thing is due.

    Args:
        name: of the thing, e.g. `trueup/shop`.
        seconds: the length of an interval.
        now: seconds since the epoch.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    phase = int.from_bytes(digest, "big") / 2**64
    return math.floor(now / seconds + phase)
