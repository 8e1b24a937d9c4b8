"""`trueup crds`: the definitions of Repository and Application, for clusters that hold declarations."""

import click
import yaml

from reconciler.declarations.definitions import definitions
from trueup.cli.output import json_option, print_json


@click.command(epilog="Example: trueup crds | kubectl apply --server-side -f -")
@json_option
def crds(as_json: bool) -> None:
    """Print the CustomResourceDefinitions of Repository and Application, as this version understands them."""
    if as_json:
        print_json({"items": list(definitions())})
    else:
        click.echo(printed(), nl=False)


def printed() -> str:
    """All of them as YAML."""
    return yaml.safe_dump_all(definitions(), sort_keys=False, width=130, allow_unicode=True)
