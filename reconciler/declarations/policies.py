"""Policies as people write them: in an Application for its own objects, or in one file for all applications of the instance.

The file is no kind of its own: what all must keep to is the operators' as the settings are, wherever Applications are declared.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from reconciler.declarations.changes import changes
from reconciler.declarations.fields import DnsName, PolicyExpression
from reconciler.declarations.part import Part
from reconciler.declarations.problems import Problem, dotted, mistakes
from reconciler.errors import InvalidManifest
from reconciler.model.declared import Application, Name
from reconciler.model.gates import PolicyAction, PolicyRule
from reconciler.yaml.documents import load_one
from reconciler.yaml.locate import locate

MOST = 100
"""Policies in one place."""

Glob = Annotated[str, Field(min_length=1, max_length=253)]


class MatchSpec(Part):
    """Which objects a policy means."""

    kinds: tuple[Glob, ...] = Field(
        default=(), max_length=50, description="Globs of kinds: `Deployment`, `Deployment.apps`, `*.apps`; left out: all."
    )
    namespaces: tuple[Glob, ...] = Field(
        default=(), max_length=50, description="Globs of namespaces; left out: all, and objects that are in none."
    )


class PolicySpec(Part):
    """What must be true of objects before they are applied."""

    name: DnsName = Field(description="What people know it by.")
    rule: PolicyExpression = Field(description="In CEL, of `object` and `application`: true when the object may be applied.")
    action: PolicyAction = Field(
        default=PolicyAction.DENY, description="`deny`: nothing of the application is applied; `warn`: it is told."
    )
    message: str = Field(default="", max_length=300, description="What people are told; left out: the rule itself.")
    match: MatchSpec = Field(default=MatchSpec(), description="Which objects are meant; left out: all.")

    def value(self) -> PolicyRule:
        """The value that travels."""
        return PolicyRule(self.name, self.rule, self.action, self.message, self.match.kinds, self.match.namespaces)


def _named_once(policies: tuple[PolicySpec, ...]) -> tuple[PolicySpec, ...]:
    names = [policy.name for policy in policies]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two policies are called {twice[0]}; give each its own name")
    return policies


Policies = Annotated[tuple[PolicySpec, ...], AfterValidator(_named_once), Field(max_length=MOST)]


class PolicyFile(Part):
    """The file of the instance."""

    policies: Policies = Field(description="What must be true of the objects of every application.")


@dataclass(frozen=True, slots=True)
class LoadedPolicies:
    """What the file says, or what is wrong with it."""

    rules: tuple[PolicyRule, ...] = ()
    """None when there are problems."""
    problems: tuple[Problem, ...] = ()
    digest: str = ""
    """Of the file; empty when it could not be read."""


def load(file: Path) -> LoadedPolicies:
    """Read the file of the instance's policies."""
    try:
        text = file.read_bytes()
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}; TRUEUP_POLICIES must name a YAML file with policies"
        return LoadedPolicies(problems=(Problem(str(file), 0, "", why),))
    digest = hashlib.blake2b(text, digest_size=12).hexdigest()
    try:
        found = load_one(text, name=str(file))
        return LoadedPolicies(tuple(policy.value() for policy in PolicyFile.model_validate(found).policies), digest=digest)
    except InvalidManifest as error:
        place, _, message = str(error).partition(": ")
        line = place.rpartition("line ")[2]
        return LoadedPolicies(problems=(Problem(str(file), int(line) if line.isdigit() else 1, "", message),), digest=digest)
    except ValidationError as error:
        problems = (
            Problem(str(file), locate(text, path, line=1), dotted(path), message) for path, message in mistakes(error, PolicyFile)
        )
        return LoadedPolicies(problems=tuple(sorted(problems, key=lambda problem: problem.line)), digest=digest)


async def follow(file: Path) -> AsyncIterator[LoadedPolicies]:
    """What the file says now, and again after every change of it."""
    async for loaded in changes(file, load):
        yield loaded


def ruled(applications: Mapping[Name, Application], rules: Sequence[PolicyRule]) -> dict[Name, Application]:
    """Applications with the policies of the instance before their own; another set of them makes each declared otherwise."""
    if not rules:
        return dict(applications)
    digest = hashlib.blake2b(repr(tuple(rules)).encode(), digest_size=6).hexdigest()
    return {
        name: replace(application, policies=(*rules, *application.policies), digest=f"{application.digest}-{digest}")
        for name, application in applications.items()
    }
