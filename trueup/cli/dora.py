"""`trueup dora`: how well deliveries go, as a table."""

import click

from reconciler.model.declared import Name
from trueup.cli.arguments import NameType
from trueup.cli.output import Json, json_option, print_json, print_table, say
from trueup.cli.server import Server, run, with_server

COLUMNS = ("APPLICATION", "DEPLOYMENTS", "PER DAY", "LEAD P50", "P90", "FAILED", "RATE", "RESTORE P50", "P90")

_UNITS = (("d", 86400.0), ("h", 3600.0), ("m", 60.0))


@click.command(epilog="Example: trueup dora --window 7d")
@click.argument("application", type=NameType(), required=False)
@click.option("--window", default="30d", show_default=True, help="How far back: 12h, 30d; at most 90d.")
@with_server
@json_option
def dora(*, where: Server, application: Name | None, window: str, as_json: bool) -> None:
    """Show deployment frequency, lead time, change failure rate and time to restore."""
    query = {"window": window} | ({"application": str(application)} if application else {})
    answer = run(where.request("GET", "/api/v1/metrics/dora", query=query))
    if as_json:
        print_json(answer)
        return
    print_table(COLUMNS, [_row(found) for found in (*answer["items"], answer["total"])])
    if answer["known_since"] is None:
        say("nothing was deployed as far as is known")
    elif answer["known_since"] > answer["since"]:
        say(f"nothing is known of before {answer['known_since'][:19]}")


def _row(found: Json) -> tuple[str, ...]:
    rate = "-" if found["failure_rate"] is None else f"{found['failure_rate']:.0%}"
    return (
        found["application"] or "all", str(found["deployments"]), f"{found['per_day']:.1f}", *_spread(found["lead"]),
        str(found["failed"]), rate, *_spread(found["restore"]),
    )  # fmt: skip


def _spread(spread: Json) -> tuple[str, str]:
    return _told(spread["p50_seconds"]), _told(spread["p90_seconds"])


def _told(seconds: float | None) -> str:
    """`3.2 s`, `14 m`, `5.5 h`, `2 d`: two digits are enough."""
    if seconds is None:
        return "-"
    unit, length = next(((unit, length) for unit, length in _UNITS if seconds >= length), ("s", 1.0))
    value = seconds / length
    return f"{value:.0f} {unit}" if value >= 10 or value == int(value) else f"{value:.1f} {unit}"
