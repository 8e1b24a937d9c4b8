"""Settings of the receiver."""

import base64
import re
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from jobs.settings import JobSettings, host_and_port
from reconciler.settings import split_list
from reconciler.urls import parse_scope

TOKEN = re.compile(r"[a-z0-9._-]+:(viewer|deployer|approver|admin):[0-9a-f]{64}")

SECRET_LENGTH = 16
"""Of a secret chosen by hand; what is shorter is guessed from one delivery that somebody saw."""


class ReceiverSettings(JobSettings):
    """What the front door needs to know."""

    listen: str = Field(default="127.0.0.1:8080", description="Address and port of webhooks and the API.")
    api_tokens: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="API tokens, `name:role:sha256-hex-of-token`; roles are viewer, deployer, approver, admin. "
        "Without any, only webhooks and health answer.",
    )
    webhook_secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Secrets chosen by hand, by scope, as JSON; they are accepted beside the derived ones.",
    )
    body_limit: int = Field(
        default=25 * 1024 * 1024, gt=0, description="Bytes of one webhook's body; GitHub sends 25 MiB at most."
    )
    body_budget: int = Field(
        default=128 * 1024 * 1024, gt=0, description="Bytes of all bodies that are being read; more wait for their turn."
    )
    durable_timeout: float = Field(
        default=3.0,
        gt=0,
        description="Seconds until a delivery that Redis has not on disk is answered with 503; forges wait for 10.",
    )
    metrics_open: bool = Field(default=True, description="Whether /metrics answers without a token, as scrapers expect.")

    @field_validator("listen")
    @classmethod
    def _check_address(cls, listen: str) -> str:
        host_and_port(listen)
        return listen

    @field_validator("webhook_secrets")
    @classmethod
    def _check_secrets(cls, secrets: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for scope, secret in secrets.items():
            _check_secret(scope, secret.get_secret_value())
        return {parse_scope(scope): secret for scope, secret in secrets.items()}

    @field_validator("api_tokens", mode="before")
    @classmethod
    def _split_tokens(cls, value: object) -> object:
        return split_list(value)

    @field_validator("api_tokens")
    @classmethod
    def _check_tokens(cls, tokens: tuple[str, ...]) -> tuple[str, ...]:
        for number, token in enumerate(tokens, 1):
            if not TOKEN.fullmatch(token):
                raise ValueError(f"entry {number} is not `name:role:sha256-hex`; make one with: printf %s TOKEN | sha256sum")
        return tokens


def _check_secret(scope: str, secret: str) -> None:
    """Refuse a secret that would open a door to everybody, or that no request can be held against."""
    if len(secret) < SECRET_LENGTH:
        raise ValueError(f"the secret of {scope} has less than {SECRET_LENGTH} characters; make one with: openssl rand -hex 32")
    if secret.startswith("whsec_"):
        try:
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ValueError(f"the secret of {scope} begins with whsec_, and what follows is no base64") from None
