"""Writes what is generated: configuration.md, cli.md, tables of declarations, health, operations and deletions, and the definitions.

Run by `make docs`; a test says when they are stale.
"""

import importlib
import inspect
import json
import os
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import click
import yaml
from prometheus_client import Counter, Gauge, Histogram
from pydantic.fields import FieldInfo

import reconciler
from jobs import metrics as job_metrics
from receiver import metrics as receiver_metrics
from receiver.settings import ReceiverSettings
from reconciler.declarations.definitions import definitions
from reconciler.errors import Stalled, Superseded, Transient, TrueupError, Waiting
from reconciler.health import kubernetes
from reconciler.health.clauses import ConditionRule
from reconciler.health.rules import FIELDS, RULES, Rule
from reconciler.health.static import exists
from reconciler.model.objects import Document
from reconciler.settings import variable_of
from tests.guards.guard import Guard
from tests.guards.table import FIELDS as FIELDS_OF_GUARDS
from trueup.cli.main import COMMANDS, EXITS, cli
from trueup.cli.output import MEANINGS, ExitCode, told

HERE = Path(__file__).parent
CRDS = HERE.parent / "deploy" / "kubernetes" / "crds"

CONFIGURATION = """# Configuration

Settings come from the environment, or from the YAML file that `TRUEUP_CONFIG` names (keys in lower case, without the prefix); the
environment wins. Lists are separated by commas, durations are written `90s`, `5m`, `1h`. This page is made by `make docs`.

| setting | default | meaning |
|---|---|---|
"""

CLI = """# Command line

`trueup COMMAND --help` says the same. Every command but `up`, `demo`, `receiver` and `worker` has `--json`. This page is made by
`make docs`.

EXIT_CODES

Commands that speak to a running Trueup take `--server` (or `TRUEUP_SERVER`) and `--token` (or `TRUEUP_TOKEN`).
"""


def configuration() -> str:
    """The page of settings."""
    return CONFIGURATION + "".join(_row(name, field) for name, field in sorted(ReceiverSettings.model_fields.items()))


def _row(name: str, field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    return (
        f"| `{variable_of(name, field)}` | {f'`{shown}`' if shown not in ('', 'None', '{}') else '-'} | {field.description} |\n"
    )


def commands() -> str:
    """The page of commands."""
    context = cli.make_context("trueup", ["version"], resilient_parsing=True)
    codes = "".join(f"| {code} | {MEANINGS[code]} |\n" for code in ExitCode)
    page = CLI.replace("EXIT_CODES\n", f"| exit code | means |\n|---|---|\n{codes}")
    return page + "".join(_command(name, cli.get_command(context, name), context) for name in COMMANDS)


def _command(name: str, command: click.Command | None, parent: click.Context) -> str:
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    text = f"\n## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
    path = context.command_path.removeprefix("trueup ")
    if path in EXITS:
        text += f"\nExit codes: {told(EXITS[path])}.\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            text += _command(child, command.get_command(context, child), context).replace("\n## ", "\n### ", 1)
    return text


MARK = "<!-- From here on this page is made by `make docs`. -->\n"
"""What stands before it on a page are its own words."""

HEALTH_TABLES = """
In these tables the first verdict that has a reason holds; when none has, the object is Progressing.
"""


def health() -> str:
    """The page about health: its own words, and a table for each field of kinds."""
    words = (HERE / "health.md").read_text().partition(MARK)[0]
    return words + MARK + HEALTH_TABLES + "".join(_kinds_of(module) for module in (kubernetes, *FIELDS)) + _static()


def _static() -> str:
    """A table of the kinds that are healthy when they exist."""
    groups: dict[str, list[str]] = {}
    for group, kind in sorted(row for row, rule in RULES.items() if rule is exists):
        groups.setdefault(group, []).append("all others" if kind == "*" else f"`{kind}`")
    lines = (f"| {f'`{group}`' if group else 'core'} | {', '.join(sorted(kinds))} |\n" for group, kinds in groups.items())
    return f"\n## Healthy when they exist\n\nOnly their metadata is watched.\n\n| group | kinds |\n|---|---|\n{''.join(lines)}"


def _kinds_of(module: ModuleType) -> str:
    """A table of the kinds of one field; kinds that are judged alike share a row."""
    rows: dict[int, tuple[Rule, list[tuple[str, str]]]] = {}
    for row, rule in module.RULES.items():
        rows.setdefault(id(rule), (rule, []))[1].append(row)
    title = (inspect.getdoc(module) or "").partition(".\n")[0].partition(", by group and kind")[0].rstrip(".")
    lines = (f"| {', '.join(_kind(row) for row in alike)} | {_told(rule)} |\n" for rule, alike in rows.values())
    return f"\n## {title}\n\n| kind | verdict |\n|---|---|\n{''.join(lines)}"


def _kind(row: tuple[str, str]) -> str:
    group, kind = row
    if kind == "*":
        return f"all of `{group}`"
    return f"`{kind}.{group}`" if "." in group and not group.endswith(".k8s.io") else f"`{kind}`"


def _told(rule: Rule) -> str:
    """What a rule says: a table tells itself, a function in the first paragraph of its docstring."""
    if isinstance(rule, ConditionRule):
        return str(rule)
    return " ".join((inspect.getdoc(rule) or "").partition("\n\n")[0].split())


METRICS = """
## Metrics

Labels come from closed sets; `route` is the pattern of an address, never the address.

| metric | kind | labels | counts |
|---|---|---|---|
"""

ERRORS = """
## Errors

By name, as they stand in tracebacks and in the code. A message says what, on what, why, and what to do.

| error | what happens next | means |
|---|---|---|
"""

NEXT = {
    Superseded: "nothing: the newer commit has a job of its own",
    Stalled: "a person must change something; tried again when an input changes",
    Waiting: "tried again after a while",
    Transient: "tried again with back-off, for ever",
}


def operations() -> str:
    """The page about running it: its own words, the metrics, and the errors."""
    words = (HERE / "operations.md").read_text().partition(MARK)[0]
    return words + MARK + METRICS + "".join(sorted(_metrics())) + ERRORS + "".join(_error(kind) for kind in _errors())


def _metrics() -> Iterator[str]:
    for module in (receiver_metrics, job_metrics):
        for metric in vars(module).values():
            if isinstance(metric, Counter | Gauge | Histogram):
                name = f"{metric._name}_total" if isinstance(metric, Counter) else metric._name  # noqa: SLF001 - it tells nobody
                labels = ", ".join(f"`{label}`" for label in metric._labelnames) or "-"  # noqa: SLF001 - the same
                yield f"| `{name}` | {metric._type} | {labels} | {metric._documentation} |\n"  # noqa: SLF001 - the same


def _errors() -> list[type[TrueupError]]:
    """The tree of errors, depth first."""
    for found in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        importlib.import_module(found.name)

    def below(kind: type[TrueupError]) -> Iterator[type[TrueupError]]:
        yield kind
        for child in sorted(kind.__subclasses__(), key=lambda child: child.__name__):
            yield from below(child)

    return [kind for top in (Stalled, Waiting, Transient) for kind in below(top)]


def _error(kind: type[TrueupError]) -> str:
    happens = next(text for top, text in NEXT.items() if issubclass(kind, top))
    return f"| `{kind.__name__}` | {happens} | {(inspect.getdoc(kind) or '').partition(chr(10))[0]} |\n"


GUARD_TABLES = """
In the tables a guard has its name, its rule, where it stands, and a test that fails without it. `make test-cluster` takes each out once
and sees that test fail.
"""


def deletions() -> str:
    """The page about deletions: its own words, and a table of guards for each field of them."""
    words = (HERE / "deletions.md").read_text().partition(MARK)[0]
    tables = (
        f"\n## {title}\n\n| guard | rule | stands in | test |\n|---|---|---|---|\n{_guards(rows)}"
        for title, rows in FIELDS_OF_GUARDS
    )
    return words + MARK + GUARD_TABLES + "".join(tables)


def _guards(rows: Iterable[Guard]) -> str:
    tests = ((guard, *guard.tests[0].split("::")) for guard in rows)
    return "".join(
        f"| `{guard.name}` | {guard.says} | `{guard.module}` | `{test}` in `tests/{path}` |\n" for guard, path, test in tests
    )


FIELD_TABLES = """
In the tables `[]` stands for each of a list. `trueup validate` names a field that is none of these, and in a cluster `kubectl explain tapp.spec`
says the same.
"""


def declarations() -> str:
    """The page about declarations: its own words, and a table of fields for each kind."""
    words = (HERE / "declarations.md").read_text().partition(MARK)[0]
    tables = (_table_of(definition["spec"]) for definition in reversed(definitions()))
    return words + MARK + FIELD_TABLES + "".join(tables)


def _table_of(spec: Document) -> str:
    fields = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return f"\n## Fields of {spec['names']['kind']}\n\n| `spec.` | default | meaning |\n|---|---|---|\n{''.join(_fields(fields, ''))}"


def _fields(schema: Document, above: str) -> Iterator[str]:
    """A row for each field, parts before what they consist of; how one source is rendered has the fields of `render`."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        path, below = (f"{name}[]", field["items"]) if "items" in field else (name, field)
        choice = f" One of {', '.join(f'`{each}`' for each in below['enum'])}." if "enum" in below else ""
        yield f"| `{above}{path}` | {_default(field, is_required=name in required)} | {_cell(field['description'])}{choice} |\n"
        if f"{above}{path}" != "sources[].render":
            yield from _fields(below, f"{above}{path}.")


def _default(field: Document, *, is_required: bool) -> str:
    if is_required:
        return "*required*"
    default = field.get("default")
    return "-" if default in (None, "", [], {}) else f"`{json.dumps(default).strip(chr(34))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def custom_resources() -> dict[Path, str]:
    """The definitions of Repository and Application, a file each."""
    head = "# Made by `make docs` from reconciler/declarations/schema.py.\n"
    return {
        CRDS / f"{definition['spec']['names']['plural']}.yaml": head
        + yaml.safe_dump(definition, sort_keys=False, width=130, allow_unicode=True)
        for definition in definitions()
    }


def pages() -> dict[Path, str]:
    """Every generated page with its text."""
    os.environ["COLUMNS"] = "100"
    return {
        HERE / "configuration.md": configuration(),
        HERE / "cli.md": commands(),
        HERE / "declarations.md": declarations(),
        HERE / "health.md": health(),
        HERE / "operations.md": operations(),
        HERE / "deletions.md": deletions(),
        **custom_resources(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
