"""The schema of `render`: how an application's documents are made. Where Kustomize has a field of the same name, it means the same."""

from typing import Annotated

from pydantic import Field

from reconciler.declarations.fields import Flag, NameOrNothing, TreePath, Whole
from reconciler.declarations.part import Part
from reconciler.model.rendering import (
    Image,
    KustomizeOptions,
    Labels,
    Patch,
    PatchTarget,
    RenderOptions,
    Replicas,
)

LongText = Annotated[str, Field(max_length=262144)]


class PlainSpec(Part):
    """Plain YAML and JSON."""

    include: tuple[str, ...] = Field(default=(), description="Globs of files to read; left out: *.yaml, *.yml, *.json.")
    exclude: tuple[str, ...] = Field(default=(), description="Globs of files to leave out.")
    recursive: Flag = Field(default=True, description="Whether directories beneath are read too.")


class LabelsSpec(Part):
    """Labels to add."""

    pairs: dict[str, str] = Field(min_length=1, description="The labels.")
    include_selectors: Flag = Field(default=False, description="In selectors too, which cannot be changed later.")
    include_templates: Flag = Field(default=False, description="In templates of pods and jobs too.")


class ImageSpec(Part):
    """An image to replace."""

    name: str = Field(min_length=1, description="The image as the source has it, without tag.")
    new_name: str = Field(default="", description="What it becomes; left out: the same.")
    new_tag: str = Field(default="", description="Its tag; left out: the same.")
    digest: str = Field(default="", description="Its digest, such as sha256:…, instead of a tag.")


class PatchTargetSpec(Part):
    """Which objects a patch is for; regular expressions."""

    group: str = Field(default="", description="API group.")
    version: str = Field(default="", description="API version.")
    kind: str = Field(default="", description="Kind.")
    name: str = Field(default="", description="Name.")
    namespace: str = Field(default="", description="Namespace.")
    label_selector: str = Field(default="", description="Labels, as `kubectl get -l` has them.")
    annotation_selector: str = Field(default="", description="The same for annotations.")


class PatchSpec(Part):
    """A change of some objects."""

    patch: LongText = Field(min_length=1, description="A strategic merge patch or a JSON patch, as text.")
    target: PatchTargetSpec | None = Field(default=None, description="Left out: the object that the patch names.")


class ReplicasSpec(Part):
    """How many replicas an object has."""

    name: str = Field(min_length=1, description="The object's name.")
    count: Whole = Field(ge=0, description="How many.")


class KustomizeSpec(Part):
    """An overlay over what the source renders to, whatever rendered it."""

    name_prefix: str = Field(default="", max_length=253, description="Before every name.")
    name_suffix: str = Field(default="", max_length=253, description="After every name.")
    namespace: NameOrNothing = Field(default="", description="Of every object that has one.")
    labels: tuple[LabelsSpec, ...] = Field(default=(), max_length=20, description="Labels to add.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Annotations to add, in templates too.")
    images: tuple[ImageSpec, ...] = Field(default=(), max_length=200, description="Images to replace.")
    replicas: tuple[ReplicasSpec, ...] = Field(default=(), max_length=200, description="Numbers of replicas.")
    patches: tuple[PatchSpec, ...] = Field(default=(), max_length=200, description="Changes of some objects.")
    components: tuple[TreePath, ...] = Field(
        default=(), max_length=50, description="Directories of components; `/…` from the top of the repository."
    )

    def value(self) -> KustomizeOptions:
        """The value that travels."""
        return KustomizeOptions(
            name_prefix=self.name_prefix,
            name_suffix=self.name_suffix,
            namespace=self.namespace,
            labels=tuple(Labels(tuple(one.pairs.items()), one.include_selectors, one.include_templates) for one in self.labels),
            annotations=tuple(self.annotations.items()),
            images=tuple(Image(**image.model_dump()) for image in self.images),
            replicas=tuple(Replicas(one.name, one.count) for one in self.replicas),
            patches=tuple(
                Patch(one.patch, PatchTarget(**one.target.model_dump()) if one.target else None) for one in self.patches
            ),
            components=self.components,
        )


class RenderSpec(Part):
    """How documents are made; left out: Kustomize where there is a kustomization, else plain YAML."""

    plain: PlainSpec = Field(default=PlainSpec(), description="Where there is no kustomization.")
    kustomize: KustomizeSpec = Field(default=KustomizeSpec(), description="An overlay over whatever is rendered.")

    def value(self) -> RenderOptions:
        """The value that travels."""
        return RenderOptions(
            include=self.plain.include,
            exclude=self.plain.exclude,
            recursive=self.plain.recursive,
            kustomize=self.kustomize.value(),
        )
