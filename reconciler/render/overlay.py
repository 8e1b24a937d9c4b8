"""The kustomization that an Application's own options amount to: written beside the tree, over a directory of it or over documents."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from reconciler.model.objects import RawDocument
from reconciler.model.rendering import Image, KustomizeOptions, Labels, Patch
from reconciler.render.tree import Tree

OVERLAY = "overlay"
"""The directory of it, in the home of a build."""

DOCUMENTS = "documents.yaml"


def write_overlay(
    home: Path, tree: Tree, directory: Path, options: KustomizeOptions, documents: Sequence[RawDocument] | None = None
) -> Path:
    """Write the overlay into the home of a build; returns its directory.

    Args:
        home: a real path, which no link leads to.
        tree: where components are looked for.
        directory: what components are relative to, and what is built where there are no documents.
        options: what the overlay does.
        documents: what it is put over; None: over the kustomization of the directory.
    """
    place = home / OVERLAY
    place.mkdir()
    resources = [os.path.relpath(os.path.realpath(directory), place)] if documents is None else [DOCUMENTS]
    components = [os.path.relpath(os.path.realpath(tree.place(directory, path)), place) for path in options.components]
    if documents is not None:
        (place / DOCUMENTS).write_bytes(b"\n---\n".join(orjson.dumps(raw.document) for raw in documents))
    (place / "kustomization.yaml").write_bytes(orjson.dumps(kustomization(options, resources, components)))
    return place


def kustomization(options: KustomizeOptions, resources: Sequence[str], components: Sequence[str]) -> dict[str, Any]:
    """The options as a kustomization, without what is left out."""
    content: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(resources),
        "components": list(components),
        "namePrefix": options.name_prefix,
        "nameSuffix": options.name_suffix,
        "namespace": options.namespace,
        "labels": [_labels(labels) for labels in options.labels],
        "commonAnnotations": dict(options.annotations),
        "images": [_image(image) for image in options.images],
        "replicas": [{"name": one.name, "count": one.count} for one in options.replicas],
        "patches": [_patch(patch) for patch in options.patches],
    }
    return {name: value for name, value in content.items() if value}


def _labels(labels: Labels) -> dict[str, Any]:
    selectors, templates = labels.include_selectors, labels.include_templates
    return {"pairs": dict(labels.pairs), "includeSelectors": selectors, "includeTemplates": templates}


def _image(image: Image) -> dict[str, str]:
    fields = {"name": image.name, "newName": image.new_name, "newTag": image.new_tag, "digest": image.digest}
    return {name: value for name, value in fields.items() if value}


def _patch(patch: Patch) -> dict[str, Any]:
    target = patch.target
    if target is None:
        return {"patch": patch.patch}
    fields = {
        "group": target.group, "version": target.version, "kind": target.kind, "name": target.name, "namespace": target.namespace,
        "labelSelector": target.label_selector, "annotationSelector": target.annotation_selector,
    }  # fmt: skip
    return {"patch": patch.patch, "target": {name: value for name, value in fields.items() if value}}
