"""Trueup as far as a server can tell: what it applies, and how it judges an answer, by the functions that do it in earnest."""

from typing import Any

from reconciler.model.declared import Instance, Name
from reconciler.model.objects import Document, LiveMetadata, Manifest, RawDocument, format_path
from reconciler.model.outcome import Drift
from reconciler.model.policy import ForeignPolicy
from reconciler.plan import drift
from reconciler.plan.claim import Claim, claim
from reconciler.plan.foreign import Tolerance
from reconciler.plan.manifest import Stamp, prepare
from tests.contract.api import METADATA, Answer, Api

SHOP = Name("trueup", "shop")
SEAL_KEY = b"\x01" * 32


class Trueup:
    """One application of one instance, in the namespace of the test."""

    def __init__(self, api: Api, instance: Instance | None = None, application: Name = SHOP) -> None:
        self.api = api
        self.instance = instance or Instance()
        self.application = application

    def manifest(self, document: Document) -> Manifest:
        """The document as it is applied."""
        stamp = Stamp(self.instance, self.application, self.api.namespace, SEAL_KEY)
        return prepare([RawDocument(document, "test.yaml")], stamp, self.api.kinds)[0]

    async def apply(self, manifest: Manifest, *, force: bool = True, body: bytes | None = None) -> Answer:
        """One apply, answered with metadata only."""
        kind = self.api.kind(manifest.document)
        query = {"fieldManager": self.instance.manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        path = kind.path(manifest.key.namespace, manifest.key.name)
        content = "application/apply-patch+yaml"
        return await self.api.send("PATCH", path, body or manifest.body, content=content, accept=METADATA, **query)

    async def applied(self, document: dict[str, Any]) -> Manifest:
        """Apply a document, and be sure that nothing of it is lost already in the answer."""
        manifest = self.manifest(document)
        answer = await self.apply(manifest)
        live = LiveMetadata.of(answer.object, self.api.kind(manifest.document))
        assert drift.lost_fields(manifest, live, self.instance) == ()
        return manifest

    async def live(self, manifest: Manifest) -> LiveMetadata | None:
        """What the server's metadata says now."""
        answer = await self.api.metadata(manifest.document)
        return None if answer.code == 404 else LiveMetadata.of(answer.object, self.api.kind(manifest.document))

    async def lost(self, manifest: Manifest) -> list[str]:
        """The desired fields that are no longer ours."""
        live = await self.live(manifest)
        assert live
        return [format_path(path) for path in drift.lost_fields(manifest, live, self.instance)]

    async def drift(self, manifest: Manifest, foreign: ForeignPolicy | None = None) -> tuple[Drift, ...]:
        """What is wrong with the object."""
        return drift.assess(manifest, await self.live(manifest), self.instance, Tolerance(foreign), kinds=self.api.kinds)

    async def claim(self, document: dict[str, Any]) -> Claim:
        """Whose an object is."""
        answer = await self.api.metadata(document)
        return claim(LiveMetadata.of(answer.object, self.api.kind(document)), self.instance)
