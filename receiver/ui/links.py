"""Links between pages: all relative, so that they work behind a proxy with a path of its own, and lead nowhere else."""

import re

HOME = "jobs"

_LOCAL = re.compile(
    r"(?:jobs|commits|applications)(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){0,2}(?:\?[A-Za-z0-9._~%&=+/-]*)?", re.ASCII
)
MOST_LENGTH = 500


def local(target: str) -> str:
    """A page's address without its first slash, as it was given where it is one; else that of the list of jobs."""
    return target if len(target) <= MOST_LENGTH and _LOCAL.fullmatch(target) else HOME


def root_of(path: str) -> str:
    """What leads from a page, by its raw path, to where all pages are: `./` from `/jobs`, `../` from `/jobs/1`."""
    return "../" * (path.count("/") - 1) or "./"
