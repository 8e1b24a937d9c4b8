"""Settings of the reconciler, and the base of all settings: environment `TRUEUP_*`, or one YAML file named by `TRUEUP_CONFIG`.

Every field states its unit and why its default is what it is; `docs/configuration.md` is tested against them.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from reconciler.errors import InvalidDeclaration, InvalidManifest
from reconciler.expressions import parse, parse_condition
from reconciler.model.declared import HOME, IN_CLUSTER
from reconciler.model.policy import HealthRule, IgnoreRule
from reconciler.yaml.documents import load_one

PROTOCOLS = ("https", "ssh", "http", "file")
"""What repositories may be fetched by."""


class Settings(BaseSettings):
    """Base: the environment wins over the file; unknown variables are not ours, see `unknown_keys` for those of the file."""

    model_config = SettingsConfigDict(env_prefix="TRUEUP_", extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the file that `TRUEUP_CONFIG` names."""
        names = {name: field.validation_alias or name for name, field in settings_cls.model_fields.items()}
        given = {str(names.get(key, key)): value for key, value in file_settings().items()}
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=given)


def file_settings() -> Mapping[str, Any]:
    """The settings of the file that `TRUEUP_CONFIG` names; none when it names none.

    Raises:
        InvalidDeclaration: when the file is not there, or is no mapping.
    """
    file = os.environ.get("TRUEUP_CONFIG")
    if not file:
        return {}
    try:
        found = load_one(Path(file).read_bytes(), name=file)
    except OSError as error:
        raise InvalidDeclaration(f"TRUEUP_CONFIG: {file}: {error.strerror or error}") from error
    except InvalidManifest as error:
        raise InvalidDeclaration(f"TRUEUP_CONFIG: {error}") from error
    if not isinstance(found, dict | None):
        raise InvalidDeclaration(f"TRUEUP_CONFIG: {file}: must be a mapping such as `listen: 0.0.0.0:8080`")
    return found or {}


def unknown_keys(*kinds: type[Settings]) -> Sequence[str]:
    """The keys of the file that are no setting of any of these; a process knows only some of what a shared file may say."""
    known = {name for kind in kinds for name in kind.model_fields}
    return sorted(set(file_settings()) - known)


def variable_of(name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    return field.validation_alias if isinstance(field.validation_alias, str) else f"TRUEUP_{name.upper()}"


def split_list(value: object) -> object:
    """Lists in settings are separated by commas; what is a list already stays one."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class AllowanceSettings(BaseModel):
    """What Applications that are declared in a namespace may touch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespaces: tuple[str, ...] = ()
    """Globs of namespaces beside their own."""
    kinds: tuple[str, ...] | None = None
    """Globs such as `ConfigMap` and `*.apps`; None: all kinds."""
    clusters: tuple[str, ...] = (IN_CLUSTER,)
    """Globs of clusters."""
    cluster_objects: bool = False
    """Whether they may touch objects that are in no namespace."""


class CredentialSettings(BaseModel):
    """Credentials of every repository beneath an address that names none itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
    """A Secret in `trueup`."""
    namespaces: tuple[str, ...] = (HOME,)
    """Globs of the namespaces whose Repositories may use it."""


CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class ReconcilerSettings(Settings):
    """What the reconciler needs to know of its surroundings."""

    instance: str = Field(
        default="trueup",
        pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$",
        description="Id of this installation; in the field manager, the labels and the status context. "
        "Two instances on one cluster need two ids.",
    )
    state: Path = Field(
        default=Path(".trueup"),
        description="Directory of mirrors, caches and the embedded Valkey. May be lost; then everything is fetched again.",
    )
    declarations: Path | None = Field(
        default=None,
        description="Directory of declaration files; left out: only what the cluster has. Repositories and Applications in the "
        "cluster count beside files; a file comes first.",
    )
    resource_namespaces: CommaSeparated = Field(
        default=(), description="Namespaces whose Repositories and Applications are taken from the cluster; left out: all."
    )
    allowances: dict[str, AllowanceSettings] = Field(
        default_factory=dict,
        description="What Applications that are declared in a namespace may touch beside it, as JSON by namespace or glob: "
        '`{"team-*": {"namespaces": ["shared"], "kinds": ["ConfigMap", "*.apps"], "clusters": ["in-cluster"], '
        '"cluster_objects": false}}`. Left out: those in the cluster their own namespace, those in files and in `trueup` everything.',
    )
    secrets: Path | None = Field(
        default=None,
        description="Directory of mounted Secrets: `<namespace>/<name>/<key>` for declarations in that namespace, `<name>/<key>` for "
        "those in `trueup` and no others; left out: Secrets of the cluster.",
    )
    context: str | None = Field(
        default=None, description="Context of the kubeconfig that the cluster `in-cluster` means; left out: its current context."
    )
    kubeconfig: Path | None = Field(
        default=None,
        validation_alias="KUBECONFIG",
        description="The kubeconfig, as kubectl reads it; left out: the service account of the pod.",
    )
    git_protocols: CommaSeparated = Field(
        default=("https", "ssh"),
        description="Protocols that repositories may be fetched by; `http` and `file` are insecure, and only for trying.",
    )
    credentials: dict[str, CredentialSettings] = Field(
        default_factory=dict,
        description="Credentials of Repositories that name none, as JSON by the beginning of their address: "
        '`{"https://github.com/acme": {"secret": "acme-git", "namespaces": ["trueup", "team-*"]}}`. The longest that fits counts; the '
        "Secret is one of `trueup`, and only Repositories in `namespaces` (left out: `trueup`) may use it.",
    )
    known_hosts: Path | None = Field(
        default=None,
        description="File of SSH host keys that count for every repository, beside `known_hosts` in its Secret and the published keys of "
        "GitHub, GitLab and Bitbucket. Never `~/.ssh/known_hosts`.",
    )
    git_timeout: float = Field(
        default=120.0, gt=0, description="Seconds until a fetch is given up; large repositories on slow lines need more."
    )
    mirror_limit: int = Field(
        default=2048,
        ge=16,
        description="MiB on disk of one repository's mirror, of which only single commits are kept; a repository that needs more is refused, "
        "and what was fetched of it is thrown away.",
    )
    render_timeout: float = Field(
        default=60.0, gt=0, description="Seconds until a renderer is killed; Kustomize needs 12 s for 2,200 Deployments."
    )
    render_memory: int = Field(
        default=1024, ge=64, description="MiB of memory of one renderer; hostile YAML asks for all there is."
    )
    render_cache: int = Field(
        default=256,
        ge=0,
        description="MiB on disk, in the state directory, of what was rendered before, so that a start renders nothing anew; 0 keeps none. "
        "What Secrets went into is never in it.",
    )
    helm: Path | None = Field(
        default=None,
        description="The Helm program, which charts are templated with; left out: the one on PATH, when there is one.",
    )
    sops: Path | None = Field(
        default=None,
        description="The SOPS program, which opens what is encrypted for OpenPGP or a key service; left out: the one on PATH. "
        "Files for age need none.",
    )
    api_concurrency: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Requests in flight per cluster; 4 is the best on a two-core API server, more only queue.",
    )
    api_timeout: float = Field(
        default=30.0,
        gt=0,
        description="Seconds until a request to the API server is given up; admission webhooks may take 10 each.",
    )

    policies: Path | None = Field(
        default=None,
        description="YAML file of policies that every application must keep to, read again when it changes; see policies.md. Left out: "
        "only those of the Applications themselves.",
    )
    health_rules: tuple[HealthRule, ...] = Field(
        default=(),
        description="How kinds are judged in all applications, best written in the settings file: a list of "
        "`group`, `kind`, `healthy` and more; see health.md.",
    )

    @field_validator("health_rules", mode="before")
    @classmethod
    def _spelt(cls, rules: object) -> object:
        known = [field.name for field in fields(HealthRule)]
        for rule in rules if isinstance(rules, list | tuple) else ():
            if isinstance(rule, dict) and (unknown := sorted(rule.keys() - set(known))):
                raise ValueError(f"{unknown[0]} is no field of a health rule; known are {', '.join(known)}")
        return rules

    @field_validator("health_rules")
    @classmethod
    def _understood(cls, rules: tuple[HealthRule, ...]) -> tuple[HealthRule, ...]:
        for rule in rules:
            for name, expression in rule.expressions():
                try:
                    (parse if name == "message" else parse_condition)(expression)
                except ValueError as error:
                    raise ValueError(f"{rule.kind}, {name}: {error}") from error
        return rules

    ignore: tuple[IgnoreRule, ...] = Field(
        default=(),
        description="Fields that are left to others in every application, as a JSON list of rules like those of `spec.sync.ignore`.",
    )

    @field_validator("git_protocols")
    @classmethod
    def _known(cls, protocols: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [protocol for protocol in protocols if protocol not in PROTOCOLS]:
            raise ValueError(f"{unknown[0]!r} is no protocol; known are {', '.join(PROTOCOLS)}, with commas between them")
        return protocols

    @field_validator("git_protocols", "resource_namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)
