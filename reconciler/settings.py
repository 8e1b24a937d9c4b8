"""Settings of the reconciler, and the base of all settings: environment `TRUEUP_*`, or one YAML file named by `TRUEUP_CONFIG`.

Every field states its unit and why its default is what it is; `docs/configuration.md` is tested against them.
"""

import os
from dataclasses import fields
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from reconciler.expressions import parse, parse_condition
from reconciler.model.declared import IN_CLUSTER, HealthRule, IgnoreRule


class Settings(BaseSettings):
    """Base: the environment wins over the file; unknown keys of the file are mistakes, unknown variables are not ours."""

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
        file = os.environ.get("TRUEUP_CONFIG")
        sources = (init_settings, env_settings)
        return (*sources, YamlConfigSettingsSource(settings_cls, yaml_file=file)) if file else sources


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
        default=None, description="Directory of mounted Secrets, `<name>/<key>`; left out: Secrets of the cluster."
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
    git_timeout: float = Field(
        default=120.0, gt=0, description="Seconds until a fetch is given up; large repositories on slow lines need more."
    )
    render_timeout: float = Field(
        default=60.0, gt=0, description="Seconds until a renderer is killed; Kustomize needs 12 s for 2,200 Deployments."
    )
    render_memory: int = Field(
        default=1024, ge=64, description="MiB of memory of one renderer; hostile YAML asks for all there is."
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

    @field_validator("git_protocols", "resource_namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_list(value)
