"""The schema of `render`: how an application's documents are made. Where Kustomize has a field of the same name, it means the same."""

import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, field_validator

from reconciler.declarations.fields import DnsName, Flag, NameOrNothing, TreePath, Whole
from reconciler.declarations.part import Part, SecretRefSpec
from reconciler.model.rendering import (
    HelmOptions,
    Image,
    JsonnetOptions,
    JsonnetVariable,
    KustomizeOptions,
    Labels,
    Patch,
    PatchTarget,
    Reference,
    RenderOptions,
    Replicas,
    Substitution,
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


class ReferenceSpec(Part):
    """A ConfigMap or Secret in the Application's namespace."""

    kind: Literal["ConfigMap", "Secret"] = Field(description="What it is.")
    name: DnsName = Field(description="Its name.")
    optional: Flag = Field(default=False, description="Whether it may be missing.")


class ValuesReferenceSpec(ReferenceSpec):
    """Values of a chart in a ConfigMap or Secret."""

    key: str = Field(default="values.yaml", min_length=1, max_length=253, description="Which entry of it.")
    target_path: str = Field(
        default="",
        max_length=250,
        description="The value that its text becomes, such as `image.tag`; left out: it is a file of values.",
    )

    @field_validator("target_path")
    @classmethod
    def _plain(cls, path: str) -> str:
        if path and not all(re.fullmatch(r"[^.\[\]\s]+", part) for part in path.split(".")):
            raise ValueError("must be names with dots between them, such as image.tag; entries of lists cannot be set")
        return path


class HelmSpec(Part):
    """How a chart is templated."""

    release_name: str = Field(
        default="", max_length=53, pattern="^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$", description="Left out: the Application's name."
    )
    values_files: tuple[TreePath, ...] = Field(
        default=(), max_length=50, description="Files of values, later ones win; `/…` from the top of the repository."
    )
    ignore_missing_values_files: Flag = Field(default=False, description="Whether they may be missing.")
    values_from: tuple[ValuesReferenceSpec, ...] = Field(
        default=(), max_length=50, description="Values that win over those of files."
    )
    values: dict[str, Any] = Field(
        default_factory=dict,
        description="Values that win over all others.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    kube_version: str = Field(
        default="", pattern=r"^(v?[0-9]+[.][0-9]+.*)?$", max_length=50, description="Left out: the destination's."
    )
    api_versions: tuple[str, ...] = Field(default=(), max_length=500, description="Beside those of the destination.")
    skip_crds: Flag = Field(default=False, description="Leave out the chart's directory `crds`.")
    allow_changing: Flag = Field(
        default=False, description="Take what is another one at each rendering, such as random passwords, as it comes."
    )

    def value(self) -> HelmOptions:
        """The value that travels."""
        return HelmOptions(
            release_name=self.release_name,
            values_files=self.values_files,
            ignore_missing_values_files=self.ignore_missing_values_files,
            values_from=tuple(Reference(r.kind, r.name, r.key, r.target_path, r.optional) for r in self.values_from),
            values=orjson.dumps(self.values).decode() if self.values else "",
            kube_version=self.kube_version,
            api_versions=self.api_versions,
            skip_crds=self.skip_crds,
            allow_changing=self.allow_changing,
        )


class SubstituteSpec(Part):
    """Variables for `${NAME}` in what was rendered; one that is missing is a mistake."""

    variables: dict[str, str] = Field(default_factory=dict, description="Their values; they win over those of references.")
    sources: tuple[ReferenceSpec, ...] = Field(
        default=(), alias="from", max_length=50, description="ConfigMaps and Secrets whose entries are variables; later ones win."
    )

    @field_validator("variables")
    @classmethod
    def _names(cls, variables: dict[str, str]) -> dict[str, str]:
        for name in variables:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"{name[:50]!r} is no name of a variable; letters, digits and `_` are possible")
        return variables

    def value(self) -> Substitution:
        """The value that travels."""
        sources = tuple(Reference(one.kind, one.name, optional=one.optional) for one in self.sources)
        return Substitution(tuple(self.variables.items()), sources)


class JsonnetVariableSpec(Part):
    """A variable."""

    name: str = Field(min_length=1, max_length=250, description="Its name.")
    value: LongText = Field(description="Its value.")
    code: Flag = Field(default=False, description="Whether the value is Jsonnet; left out: it is text.")

    def value_(self) -> JsonnetVariable:
        """The value that travels."""
        return JsonnetVariable(self.name, self.value, self.code)


class JsonnetSpec(Part):
    """How Jsonnet is evaluated."""

    entry: TreePath = Field(default="main.jsonnet", description="The file; `/…` from the top of the repository.")
    ext_vars: tuple[JsonnetVariableSpec, ...] = Field(default=(), max_length=200, description="External variables.")
    tlas: tuple[JsonnetVariableSpec, ...] = Field(default=(), max_length=200, description="Top-level arguments.")
    library_paths: tuple[TreePath, ...] = Field(
        default=(), max_length=50, description="Where imports are looked for, before `vendor` and `lib`; `/…` from the top."
    )

    def value(self) -> JsonnetOptions:
        """The value that travels."""
        ext_vars, tlas = (tuple(one.value_() for one in group) for group in (self.ext_vars, self.tlas))
        return JsonnetOptions(self.entry, ext_vars, tlas, self.library_paths)


class DecryptSpec(Part):
    """Keys for what SOPS encrypted."""

    secret_ref: SecretRefSpec = Field(description="The Secret with age keys, in the Application's namespace.")


class RenderSpec(Part):
    """How documents are made; left out: Kustomize where there is a kustomization, else plain YAML."""

    plain: PlainSpec = Field(default=PlainSpec(), description="Where there is no kustomization.")
    kustomize: KustomizeSpec = Field(default=KustomizeSpec(), description="An overlay over whatever is rendered.")
    helm: HelmSpec | None = Field(default=None, description="Where there is a chart; left out: its defaults.")
    jsonnet: JsonnetSpec | None = Field(default=None, description="Where there is a main.jsonnet; left out: its defaults.")
    decrypt: DecryptSpec | None = Field(default=None, description="Keys for what SOPS encrypted; left out: nothing is decrypted.")
    substitute: SubstituteSpec | None = Field(default=None, description="Variables in what was rendered; left out: none.")

    def value(self) -> RenderOptions:
        """The value that travels."""
        return RenderOptions(
            include=self.plain.include,
            exclude=self.plain.exclude,
            recursive=self.plain.recursive,
            kustomize=self.kustomize.value(),
            helm=self.helm.value() if self.helm else None,
            jsonnet=self.jsonnet.value() if self.jsonnet else None,
            decrypt_secret=self.decrypt.secret_ref.name if self.decrypt else "",
            substitute=self.substitute.value() if self.substitute else None,
        )
