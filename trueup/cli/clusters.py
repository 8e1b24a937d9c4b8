"""`trueup cluster`: what is in a cluster beside what is kept true."""

from urllib.parse import quote

import click

from trueup.cli.output import json_option, print_json, print_table, say
from trueup.cli.server import Server, run, with_server

SEARCH_SECONDS = 60.0
"""How long a look at every kind may take."""


@click.group()
def cluster() -> None:
    """Clusters: strays."""


@cluster.command(epilog="Example: trueup cluster strays --search")
@click.argument("cluster", default="in-cluster")
@click.option("--search", is_flag=True, help="Look at every kind first; without it, what the last look and the watches found.")
@with_server
@json_option
def strays(*, where: Server, cluster: str, search: bool, as_json: bool) -> None:
    """List objects that carry Trueup's label and are not its own: copies, restored backups, clones. Nothing deletes them."""
    answer = run(
        where.request(
            "GET",
            f"/api/v1/clusters/{quote(cluster, safe='')}/strays",
            query={"search": "true"} if search else {},
            wait_seconds=SEARCH_SECONDS if search else 0,
        )
    )
    if as_json:
        print_json(answer)
        return
    print_table(("OBJECT", "IDENTITY"), [(stray["object"], stray["identity"]) for stray in answer["items"]])
    for failed in answer["failed"]:
        say(f"not looked at: {failed}", err=True)
