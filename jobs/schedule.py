"""What is due when. Pure: the clock is handed in."""

import zlib


def is_due(name: str, interval_seconds: float, last: float, now: float) -> bool:
    """Whether something periodic is due; things of one interval are spread over it by their names.

    Args:
        name: of the thing.
        interval_seconds: how often it is done.
        last: when it was done last, in seconds; 0: never, so it is due.
        now: in seconds.
    """
    if not last:
        return True
    offset = zlib.crc32(name.encode()) % 1000 / 1000 * interval_seconds
    return (now - offset) // interval_seconds > (last - offset) // interval_seconds
