"""How an application's documents are made: what people declare of it, as it travels to the renderer. Only values, and hashable ones."""

from dataclasses import dataclass, field

Pairs = tuple[tuple[str, str], ...]
"""A mapping, in the order in which it was written."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels to add, as `labels` of a kustomization has them."""

    pairs: Pairs
    include_selectors: bool = False
    include_templates: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """An image to replace; what is empty is left as it is."""

    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PatchTarget:
    """Which objects a patch is for; regular expressions, anchored, as Kustomize has them. What is empty matches all."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    label_selector: str = ""
    annotation_selector: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """A strategic merge patch, or a JSON patch, as YAML or JSON text."""

    patch: str
    target: PatchTarget | None = None


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many replicas an object of this name has."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class KustomizeOptions:
    """An overlay over what the source renders to."""

    name_prefix: str = ""
    name_suffix: str = ""
    namespace: str = ""
    labels: tuple[Labels, ...] = ()
    annotations: Pairs = ()
    images: tuple[Image, ...] = ()
    replicas: tuple[Replicas, ...] = ()
    patches: tuple[Patch, ...] = ()
    components: tuple[str, ...] = ()
    """Directories, from the source's own; with a slash at the beginning from the top of the repository."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A ConfigMap or Secret in the Application's namespace, or one key of it."""

    kind: str
    """`ConfigMap` or `Secret`."""
    name: str
    key: str = ""
    """Empty: all of it, or the usual key."""
    target: str = ""
    """Helm: the value that the key's text becomes, `image.tag`; empty: the text is a file of values."""
    optional: bool = False
    """Whether it may be missing."""


@dataclass(frozen=True, slots=True)
class HelmOptions:
    """How a chart is templated; later values win: the chart's, files, references, then those that are written here."""

    release_name: str = ""
    """Empty: the Application's name."""
    values_files: tuple[str, ...] = ()
    """From the source's directory; with a slash at the beginning from the top of the repository."""
    ignore_missing_values_files: bool = False
    values_from: tuple[Reference, ...] = ()
    values: str = ""
    """As JSON."""
    kube_version: str = ""
    """Empty: the destination's."""
    api_versions: tuple[str, ...] = ()
    """Beside those of the destination."""
    skip_crds: bool = False
    allow_changing: bool = False
    """Whether what is another one at each rendering is taken as it comes."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """Variables for `${NAME}` in what was rendered; those that are written here win."""

    variables: Pairs = ()
    sources: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class JsonnetVariable:
    """An external variable, or an argument of the function that the file is."""

    name: str
    value: str
    is_code: bool = False
    """Whether the value is Jsonnet; else it is text."""


@dataclass(frozen=True, slots=True)
class JsonnetOptions:
    """How Jsonnet is evaluated."""

    entry: str = "main.jsonnet"
    """From the source's directory; with a slash at the beginning from the top of the repository."""
    ext_vars: tuple[JsonnetVariable, ...] = ()
    tlas: tuple[JsonnetVariable, ...] = ()
    library_paths: tuple[str, ...] = ()
    """Where imports are looked for, before `vendor` and `lib`."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How the documents are made from the source; empty means: find out from the directory."""

    include: tuple[str, ...] = ()
    """Plain YAML: globs of files to read; empty means `*.yaml`, `*.yml`, `*.json`."""
    exclude: tuple[str, ...] = ()
    recursive: bool = True
    """Plain YAML: whether directories beneath are read too."""
    kustomize: KustomizeOptions = field(default_factory=KustomizeOptions)
    helm: HelmOptions | None = None
    """None: the defaults, where there is a chart."""
    jsonnet: JsonnetOptions | None = None
    """None: the defaults, where there is a `main.jsonnet`."""
    decrypt_secret: str = ""
    """The Secret with keys for what SOPS encrypted; empty: nothing is decrypted."""
    substitute: Substitution | None = None
    """None: nothing is substituted."""

    @property
    def has_overlay(self) -> bool:
        """Whether Kustomize has something to do after everything else."""
        return self.kustomize != KustomizeOptions()

    @property
    def reaches_further(self) -> bool:
        """Whether files are named that need not be beneath the source's path."""
        return bool(self.kustomize.components or (self.helm and self.helm.values_files) or self.jsonnet)

    @property
    def references(self) -> tuple[Reference, ...]:
        """The ConfigMaps and Secrets that rendering needs."""
        keys = (Reference("Secret", self.decrypt_secret),) if self.decrypt_secret else ()
        return (*keys, *(self.helm.values_from if self.helm else ()), *(self.substitute.sources if self.substitute else ()))


def borrowed(options: RenderOptions) -> tuple[str, ...]:
    """The files of values that are in another source: `$values/prod.yaml`."""
    return tuple(path for path in (options.helm.values_files if options.helm else ()) if path.startswith("$"))
