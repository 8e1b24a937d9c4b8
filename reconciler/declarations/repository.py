"""The schema of a Repository: where it is, what opens it, whose signatures count, and how its forge is told."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from reconciler.declarations.fields import Flag, NamespaceGlob, Seconds, Url, Whole
from reconciler.declarations.part import Metadata, Part, SecretRefSpec
from reconciler.declarations.signers import parse_signers
from reconciler.errors import SourceRefused
from reconciler.model.declared import (
    CommitStatusPolicy,
    Forge,
    ForkPolicy,
    Name,
    PullRequestPolicy,
    Repository,
    RepositoryType,
    SecretRef,
)
from reconciler.model.verification import Verification, VerifyMode
from reconciler.urls import default_api, guess_forge, parse_scope, parse_url, scope_contains


class SecretUser(Part):
    """Something that needs a Secret."""

    secret_ref: SecretRefSpec = Field(description="The Secret, in the same namespace.")


class WebhookSpec(Part):
    """The repository's webhook."""

    register_: Flag = Field(default=False, alias="register", description="Let Trueup create and repair the hook at the forge.")
    generation: Whole = Field(default=0, ge=0, description="Raise it to revoke the hook's secret.")
    scope: str = Field(
        default="",
        max_length=1000,
        description="Register one hook for all repositories within this in place of its own: `github.com/acme`; left out: its own.",
    )
    secret_ref: SecretRefSpec | None = Field(
        default=None,
        description="The forge's API token that may write webhooks, under the key `token`, or a GitHub App; left out: that of commitStatus.",
    )


class CommitStatusSpec(Part):
    """What is posted on commits."""

    enabled: Flag = Field(default=True, description="Whether anything is posted.")
    context: str = Field(
        default="",
        max_length=100,
        pattern=r"^[^|]*$",
        description="Name of the status, without `|`; left out: the instance's id.",
    )
    secret_ref: SecretRefSpec | None = Field(
        default=None,
        description="The forge's API token, under the key `token`, or a GitHub App, with the keys that it has for Git.",
    )
    deployments: Flag = Field(
        default=False, description="Whether deployments to an environment by the context's name are told too; GitHub and GitLab."
    )


class PullRequestsSpec(Part):
    """What is done about pull requests and merge requests."""

    plan: Flag = Field(default=True, description="Whether a comment and a status say what merging one would change.")
    commands: Flag = Field(default=True, description="Whether people who may write to the repository may command in comments.")
    forks: ForkPolicy = Field(
        default=ForkPolicy.RENDER,
        description="Those from forks: `render` without any Secret, `ask` for /trueup plan first, or `ignore`.",
    )
    secret_ref: SecretRefSpec | None = Field(
        default=None,
        description="The forge's API token that may write comments, under the key `token`; left out: that of commitStatus.",
    )


class VerifySpec(Part):
    """Signatures that are wanted: nothing without one is rendered."""

    mode: VerifyMode = Field(default=VerifyMode.COMMIT, description="What must be signed.")
    secret_ref: SecretRefSpec | None = Field(
        default=None,
        description="Secret with keys in the same namespace: OpenPGP keys, allowed signers of SSH, and `revoked_keys`.",
    )
    keys: tuple[Annotated[str, Field(min_length=1, max_length=65536)], ...] = Field(
        default=(), max_length=50, description="Keys that stand here: a line of allowed signers, or an armored OpenPGP key, each."
    )

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if not self.keys and self.secret_ref is None:
            raise ValueError("needs keys or secretRef: without a key nothing could be verified")
        if self.keys:
            try:
                parse_signers({f"keys[{index}]": key.encode() for index, key in enumerate(self.keys)})
            except SourceRefused as error:
                raise ValueError(str(error)) from error
        return self

    def value(self) -> Verification:
        """The value that travels."""
        return Verification(self.mode, self.secret_ref.name if self.secret_ref else "", self.keys)


class RepositorySpec(Part):
    """A repository to follow."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "(has(self.type) && self.type == 'helm') || !self.url.matches('^[a-z]+://[^/]*/*$')",
                    "message": "url: the address names no path; write https://host/owner/name.git",
                    "fieldPath": ".url",
                }
            ]
        }
    )

    type: RepositoryType | None = Field(
        default=None, description="`helm` for a repository of charts; left out: `oci` for oci://, else `git`."
    )
    url: Url = Field(description="https://, ssh:// or git@host:path; https:// of a Helm repository; oci:// of a registry.")
    forge: Forge | None = Field(default=None, description="Kind of Git host; left out: known from the host's name.")
    api: str = Field(default="", description="Base address of the forge's API; left out: the public one.")
    credentials: SecretUser | None = Field(
        default=None,
        description="Secret with the keys of Flux or Argo CD: password, bearerToken, identity, a GitHub App and more.",
    )
    poll: Seconds = Field(default=60.0, description="How often heads are looked at, webhook or not.")
    webhook: WebhookSpec = Field(default=WebhookSpec(), description="How pushes are heard of.")
    commit_status: CommitStatusSpec = Field(default=CommitStatusSpec(), description="How results are told.")
    pull_requests: PullRequestsSpec = Field(default=PullRequestsSpec(), description="What is done about pull requests.")
    allowed_namespaces: tuple[NamespaceGlob, ...] = Field(
        default=(), max_length=100, description="Other namespaces whose Applications may use it; `*` stands for any letters."
    )
    verify: VerifySpec | None = Field(default=None, description="Whose signatures are wanted; left out: none are.")
    submodules: Flag = Field(
        default=False,
        description="Put submodules of the same host in place, at the commits that are recorded; left out: they are empty places.",
    )
    lfs: Flag = Field(
        default=False,
        description="Fetch the files that Git LFS keeps for it and renders need; left out: they are their pointers.",
    )

    @property
    def holds(self) -> RepositoryType:
        """What it holds, said or not."""
        return self.type or (RepositoryType.OCI if self.url.startswith("oci://") else RepositoryType.GIT)

    @field_validator("url")
    @classmethod
    def _fits_its_type(cls, url: str, info: ValidationInfo) -> str:
        kind, protocol = info.data.get("type"), parse_url(url, needs_path=False).protocol
        if (kind is RepositoryType.OCI) is not (protocol == "oci") and (kind is not None or protocol != "oci"):
            raise ValueError("oci:// is the address of a registry, and of nothing else")
        if kind is RepositoryType.HELM and protocol not in ("https", "http"):
            raise ValueError("a Helm repository is reached by https://")
        if kind is not RepositoryType.HELM:
            parse_url(url)
        return url

    @field_validator("api")
    @classmethod
    def _is_safe(cls, api: str, info: ValidationInfo) -> str:
        is_trial = (
            parse_url(info.data.get("url", ""), needs_path=False).protocol in ("http", "file") if info.data.get("url") else True
        )
        if api and not api.startswith("https://") and not (is_trial and api.startswith("http://")):
            raise ValueError("must be https://, since the forge's token is sent to it")
        return api

    @field_validator("webhook")
    @classmethod
    def _is_within_its_scope(cls, webhook: WebhookSpec, info: ValidationInfo) -> WebhookSpec:
        if not webhook.scope or not (url := info.data.get("url", "")):
            return webhook
        scope, own = parse_scope(webhook.scope), parse_url(url, needs_path=False).scope
        if not webhook.register_:
            raise ValueError("scope says which hook is registered, which register: true asks for")
        if "/" not in scope:
            raise ValueError(f"the hook of a whole host is entered by hand: trueup webhook show --scope {scope}")
        if scope == own or not scope_contains(scope, own):
            raise ValueError(f"scope is no organisation, group, workspace or project that {own} lies within")
        return webhook

    @field_validator("commit_status")
    @classmethod
    def _has_deployments(cls, status: CommitStatusSpec, info: ValidationInfo) -> CommitStatusSpec:
        url = info.data.get("url", "")
        forge = info.data.get("forge") or (guess_forge(parse_url(url, needs_path=False).host) if url else None)
        if status.deployments and forge not in (Forge.GITHUB, Forge.GITLAB, None):
            raise ValueError(f"deployments are told at github and gitlab, and spec.forge is {forge}")
        return status

    @field_validator("verify")
    @classmethod
    def _can_be_verified(cls, verify: VerifySpec | None, info: ValidationInfo) -> VerifySpec | None:
        if verify is not None and info.data.get("type") is RepositoryType.HELM:
            raise ValueError("charts of a Helm repository have no signatures that are checked; use a registry (oci://)")
        return verify

    @field_validator("submodules", "lfs")
    @classmethod
    def _is_of_git(cls, wanted: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        url = info.data.get("url", "")
        if wanted and (info.data.get("type") not in (None, RepositoryType.GIT) or url.startswith("oci://")):
            raise ValueError("only a Git repository has them")
        return wanted


class RepositoryDocument(Part):
    """A Repository as it is written."""

    api_version: Literal["trueup.dev/v1alpha1"] = Field(description="The version of this schema.")
    kind: Literal["Repository"] = Field(description="What is declared.")
    metadata: Metadata = Field(description="Its name.")
    spec: RepositorySpec = Field(description="What it should be.")

    def value(self) -> Repository:
        """The value that travels."""
        spec, namespace = self.spec, self.metadata.namespace
        url = parse_url(spec.url, needs_path=False)
        forge = spec.forge or guess_forge(url.host)
        status = spec.commit_status
        return Repository(
            name=Name(namespace, self.metadata.name),
            url=spec.url,
            scope=url.scope,
            forge=forge,
            api=spec.api.rstrip("/") or default_api(forge, url.host),
            credentials=_ref(namespace, spec.credentials.secret_ref if spec.credentials else None),
            poll_seconds=spec.poll,
            webhook_generation=spec.webhook.generation,
            webhook_register=spec.webhook.register_,
            webhook_scope=parse_scope(spec.webhook.scope) if spec.webhook.scope else "",
            webhook_secret=_ref(namespace, spec.webhook.secret_ref or spec.commit_status.secret_ref),
            status=CommitStatusPolicy(
                status.enabled, status.context, _ref(namespace, status.secret_ref), deployments=status.deployments
            ),
            pulls=_pulls(namespace, spec),
            allowed_namespaces=spec.allowed_namespaces,
            type=spec.holds,
            verify=spec.verify.value() if spec.verify else None,
            submodules=spec.submodules,
            lfs=spec.lfs,
        )


def _pulls(namespace: str, spec: RepositorySpec) -> PullRequestPolicy:
    wanted = spec.pull_requests
    secret = _ref(namespace, wanted.secret_ref or spec.commit_status.secret_ref)
    return PullRequestPolicy(wanted.plan, wanted.commands, wanted.forks, secret)


def _ref(namespace: str, spec: SecretRefSpec | None) -> SecretRef | None:
    return SecretRef(namespace, spec.name) if spec else None
