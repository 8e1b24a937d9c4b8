"""What is declared, in files and in the cluster: read, merged, and taken into force at every change.

Files are one set: when one is broken, those before them stay in force. Resources stand each for itself. Who is missing while a part was
not read is not gone.
"""

import asyncio
import contextlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

import structlog
from redis.exceptions import RedisError

from jobs.connection import until_done
from jobs.context import Context
from jobs.tasks import poll, poll_due
from reconciler.declarations.files import follow as follow_files
from reconciler.declarations.policies import follow as follow_policies
from reconciler.declarations.policies import ruled
from reconciler.declarations.problems import Problem
from reconciler.declarations.resources import Resource, accept, allowance_of
from reconciler.errors import TrueupError
from reconciler.model.declared import Allowance, Application, Declarations, Name
from reconciler.model.gates import PolicyRule
from reconciler.model.revisions import is_range, names_of

log = structlog.get_logger()

TOGETHER_SECONDS = 0.05
"""What is applied in one go comes as many events: they are taken into force together."""

UNREAD_SECONDS = 10.0
"""How long files wait for a cluster that does not say which resources it has."""

LOOK_MS = 60_000
"""How long it is remembered that a new branch was looked for at once; then the ordinary look at the heads finds it."""


async def follow_declarations(context: Context) -> None:
    """Take every change of the declarations into force, until cancelled."""
    await Declaring(context).follow_forever()


class Declaring:
    """The declarations of one worker."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._files: Declarations | None = Declarations() if context.settings.declarations is None else None
        """The newest good ones; None before there are any."""
        self._rules: tuple[PolicyRule, ...] | None = () if context.settings.policies is None else None
        """The instance's newest good policies; None before there are any: nothing is in force without them."""
        self._problems: dict[str, tuple[str, ...]] = {}
        """What is wrong with the files of declarations, and with that of policies."""
        self._due = asyncio.Event()
        self._waits = True
        """Whether resources are waited for."""
        self._seen: dict[tuple[str, Name], tuple[object, ...]] = {}

    async def follow_forever(self) -> None:
        """Merge and publish, whenever something is declared otherwise."""
        self._context.resources.listen(self._on_resource)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_files())
            group.create_task(self._follow_policies())
            group.create_task(self._wait_for_resources())
            while True:
                await self._due.wait()
                await asyncio.sleep(TOGETHER_SECONDS)
                self._due.clear()
                if self._files is not None and self._rules is not None and not self._waits:
                    await self._take(self._files, self._rules)

    def _on_resource(self, resource: Resource) -> None:
        """Told of every resource; what only changed its status is no news here."""
        is_known = resource.key in self._context.resources.known
        declaration = resource.declaration if is_known else ()
        if self._seen.get(resource.key, ()) != declaration:
            self._seen[resource.key] = declaration
            self._due.set()

    async def _follow_files(self) -> None:
        directory = self._context.settings.declarations
        if directory is None:
            return
        async for loaded in follow_files(directory):
            if self._are_broken("declarations", loaded.problems):
                self._files = replace(self._files, is_complete=False) if self._files is not None else None
            else:
                self._files = self._allowed(loaded.declarations)
            self._due.set()

    async def _follow_policies(self) -> None:
        file = self._context.settings.policies
        if file is None:
            return
        async for loaded in follow_policies(file):
            if not self._are_broken("policies", loaded.problems):
                self._rules = loaded.rules
            self._due.set()

    def _are_broken(self, what: str, problems: Iterable[Problem]) -> bool:
        """Tell what is wrong with files; those before them stay in force."""
        found = self._problems[what] = tuple(str(problem) for problem in problems)
        self._context.problems = tuple(problem for told in self._problems.values() for problem in told)
        if found:
            log.error("declarations.broken", problems=found[:10])
        return bool(found)

    async def _wait_for_resources(self) -> None:
        """Until they are read; files do not wait for ever, but as long as a part is unread, nobody is gone."""
        resources = self._context.resources
        try:
            async with asyncio.timeout(UNREAD_SECONDS if self._context.settings.declarations else None):
                await resources.wait_read()
        except TimeoutError:
            log.warning("declarations.unread", note=resources.problem)
            self._waits = False
            self._due.set()
            await resources.wait_read()
        self._waits = False
        if not resources.is_served and self._context.settings.declarations is None:
            log.warning("declarations.none", note="set TRUEUP_DECLARATIONS to a directory, or: trueup crds | kubectl apply -f -")
        self._due.set()

    async def _take(self, files: Declarations, rules: Sequence[PolicyRule]) -> None:
        context = self._context
        beside = replace(files, is_complete=files.is_complete and not context.resources.problem)
        accepted = accept(context.resources.known.values(), beside, self._allowance)
        declared, before = accepted.declarations, context.declarations
        news = replace(declared, applications=ruled(declared.applications, rules))
        self._tell_refused(accepted.problems)
        context.refused = accepted.problems
        if news == before and context.declared.is_set():
            return
        context.declarations = news
        log.info(
            "declarations.loaded", repositories=len(news.repositories), applications=len(news.applications),
            leaving=len(news.leaving), refused=len(accepted.problems),
        )  # fmt: skip
        await until_done(context.publish)
        context.declared.set()
        context.statuses_due.set()  # those that another worker has left
        for changed in context.changes:
            changed.set()
        with contextlib.suppress(TrueupError, RedisError, OSError):
            done = await poll_due(context)
            await _look_for_new(context, [a for name, a in news.applications.items() if before.applications.get(name) != a], done)

    def _tell_refused(self, problems: Mapping[tuple[str, Name], tuple[str, ...]]) -> None:
        for key, found in problems.items():
            if self._context.refused.get(key) != found:
                log.error("declaration.refused", kind=key[0], name=str(key[1]), problems=found[:5])

    def _allowance(self, namespace: str) -> Allowance:
        return allowance_of(namespace, self._context.settings.allowances, is_resource=True)

    def _allowed(self, declarations: Declarations) -> Declarations:
        """Files with what the settings allow the namespaces in them."""
        allowances = self._context.settings.allowances
        if not allowances:
            return declarations
        return replace(
            declarations,
            applications={
                name: replace(application, allowance=allowance_of(name.namespace, allowances, is_resource=False))
                for name, application in declarations.applications.items()
            },
        )


async def _look_for_new(context: Context, applications: Iterable[Application], done: Container[Name]) -> None:
    """Look at once at repositories of which applications follow a branch that nobody has looked for; one worker does.

    Args:
        context: the worker's means.
        applications: those that are declared anew or otherwise.
        done: repositories that were just looked at.
    """
    wanted: dict[Name, set[str]] = {}
    for application in applications:
        for source in application.sources:
            wanted.setdefault(source.repository, set()).add(source.revision)
    for name, revisions in wanted.items():
        if name in done:
            continue
        known = await context.heads.heads(str(name))
        new = {r for r in revisions if is_range(r) or not known.keys() & set(names_of(r))}  # a range may mean what nobody saw
        key = context.keys.tick(f"new:{name}:{','.join(sorted(new))}")
        if new and await context.redis.set(key, context.worker, nx=True, px=LOOK_MS):
            await poll(context, context.declarations.repositories[name])
