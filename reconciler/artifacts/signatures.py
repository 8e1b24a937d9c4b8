"""What a registry has of signatures of a manifest, wherever cosign keeps them; whose they are is judged later."""

from reconciler.artifacts import cosign
from reconciler.artifacts.registry import Manifest, Registry
from reconciler.errors import SourceRefused

BYTES = 1024 * 1024
"""Of one signature, or one bundle."""


async def signatures_in(registry: Registry, digest: str) -> list[cosign.Signature]:
    """Beneath the tag of its signatures, and in what refers to it; what is no signature is left out.

    Raises:
        SourceRefused: when the registry gives something else than it says beneath the tag.
        SourceUnavailable: when it does not answer.
    """
    tagged = await registry.find(cosign.tag_of(digest))
    found = await _simple(registry, tagged) if tagged else []
    referring = [entry for entry in await registry.referrers(digest) if cosign.may_sign(entry)]
    for entry in referring[: cosign.MOST]:
        try:
            manifest = await registry.manifest(str(entry.get("digest")))
            found += await (_simple if entry["artifactType"] == cosign.REFERRER else _bundled)(registry, manifest)
        except SourceRefused:
            continue  # whoever may push may attach nonsense, and keep nobody from what is good
    return found


async def _simple(registry: Registry, manifest: Manifest) -> list[cosign.Signature]:
    found: list[cosign.Signature] = []
    for layer in manifest.layers[: cosign.MOST]:
        if layer.get("mediaType") == cosign.MEDIA_TYPE:
            annotations = layer.get("annotations")
            said = annotations.get(cosign.ANNOTATION) if isinstance(annotations, dict) else None
            one = cosign.decoded(await registry.blob(layer, limit_bytes=BYTES), said)
            found += [one] if one is not None else []
    return found


async def _bundled(registry: Registry, manifest: Manifest) -> list[cosign.Signature]:
    layer = next((layer for layer in manifest.layers if str(layer.get("mediaType")).startswith(cosign.BUNDLE)), None)
    return cosign.of_bundle(await registry.blob(layer, limit_bytes=BYTES)) if layer else []
