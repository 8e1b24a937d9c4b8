"""Settings of jobs: Redis, timers, keys. Durations are written `90s`, `5m` or `1h`."""

import base64
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from reconciler.declarations.fields import seconds
from reconciler.declarations.schema import WindowSpec
from reconciler.settings import ReconcilerSettings, split_list

Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0)]
KEY_BYTES = 32
"""A master key is at least as long as what is derived from it."""

_ADDRESS = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]*):)?(?P<port>[0-9]{1,5})", re.ASCII)


class JobSettings(ReconcilerSettings):
    """What workers need to know, and receivers with them."""

    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey 7.2 or newer, e.g. `redis://:password@host:6379/0`; left out: an embedded Valkey under the "
        "state directory, append-only file on.",
    )
    public_url: str = Field(
        default="", description="What forges and people reach Trueup by; in status links. Left out: statuses carry no link."
    )
    webhook_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Master keys that webhook secrets are derived from, newest first, at least 32 bytes each in hex or base64.",
    )
    sweep: Seconds = Field(
        default=600.0, description="How often everything owned is listed, metadata only, to find what a lost watch lost."
    )
    search: Seconds = Field(
        default=86400.0, description="How often every kind of a cluster is listed by label, to find strays; one request a kind."
    )
    cluster_events: bool = Field(
        default=True, description="Tell drift as Events of the cluster too; they need the right to create events."
    )
    removal_delay: Seconds = Field(
        default=30.0,
        description="How long an Application must be missing from the files before its objects are deleted, where its deletion policy "
        "says so; a file that is being written has nothing in it for a moment.",
    )
    deletion_deadline: Seconds = Field(
        default=3600.0,
        description="How long an Application in the cluster that is deleted waits for its objects to be deleted; then they are left, "
        "and it goes.",
    )
    retention: Seconds = Field(default=7 * 86400.0, description="How long the record of a finished job is kept.")
    windows: tuple[WindowSpec, ...] = Field(
        default=(),
        description="Sync windows of every application, as in `spec.sync.windows`; JSON in the environment. Left out: always open.",
    )
    concurrency: int = Field(
        default=20, ge=1, le=200, description="Jobs of one worker at a time; they mostly wait for Git and for the cluster."
    )
    probe_listen: str = Field(
        default="127.0.0.1:8081", description="Where a worker answers /healthz, /readyz and /metrics; empty: nowhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`console` for people, `json` for machines; `auto` is console on a terminal."
    )

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return url

    @field_validator("public_url")
    @classmethod
    def _check_public(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with https:// or http://, as forges and people reach it")
        return url

    @field_validator("probe_listen")
    @classmethod
    def _check_listen(cls, listen: str) -> str:
        if listen:
            host_and_port(listen)
        return listen

    @field_validator("webhook_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        return split_list(value)

    @field_validator("webhook_keys")
    @classmethod
    def _check(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            decode_key(key.get_secret_value())
        return keys

    @property
    def master_keys(self) -> tuple[bytes, ...]:
        """The webhook keys as bytes, newest first."""
        return tuple(decode_key(key.get_secret_value()) for key in self.webhook_keys)

    @property
    def valkey_directory(self) -> Path:
        """Where the embedded Valkey keeps its append-only file."""
        return (self.state / "valkey").absolute()


def host_and_port(listen: str) -> tuple[str, int]:
    """Where to listen: `host:port`, `[v6]:port`, or a port of this machine alone.

    Raises:
        ValueError: when it is none of these.
    """
    match = _ADDRESS.fullmatch(listen)
    if not match or int(match["port"]) > 65535:
        raise ValueError(f"{listen[:100]!r} is no address; write host:port, such as 127.0.0.1:8080 or [::]:8080")
    return (match["host"] or "127.0.0.1").strip("[]"), int(match["port"])


def decode_key(text: str) -> bytes:
    """A master key from hex or base64.

    Raises:
        ValueError: when it is neither, or too short.
    """
    try:
        key = bytes.fromhex(text)
    except ValueError:
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError:
            key = b""
    if len(key) < KEY_BYTES:
        raise ValueError(f"a key must be at least {KEY_BYTES} bytes in hex or base64; make one with: openssl rand -hex 32")
    return key
