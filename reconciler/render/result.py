"""What a renderer is asked, what it answers, and what every renderer is bounded by."""

from dataclasses import dataclass, field

from reconciler.model.declared import Name
from reconciler.model.objects import RawDocument
from reconciler.model.rendering import Reference, RenderOptions

LIMIT_OBJECTS = 10_000
"""Objects of one application; more are refused before they fill the memory of whoever holds them."""

LIMIT_OUTPUT_BYTES = 50 * 1024 * 1024
"""What one application renders to, as JSON."""


@dataclass(frozen=True, slots=True)
class Data:
    """A ConfigMap or Secret that was read."""

    kind: str
    name: str
    entries: tuple[tuple[str, str], ...]
    """Only those that are text."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a render needs that is not in Git, read by whoever asks for it: the renderer itself asks nobody."""

    namespace: str = ""
    """Of the destination."""
    kube_version: str = ""
    """Of the destination; empty: unknown."""
    api_versions: tuple[str, ...] = ()
    """`apps/v1` and `apps/v1/Deployment`."""
    data: tuple[Data, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    """Files of other sources, as the Application names them (`$values/prod.yaml`), and what is in them."""

    opened: tuple[tuple[str, str], ...] = ()
    """Keys of files that were opened for this render, in base64, by the names of what they were locked with (`locks`)."""

    charts: tuple[tuple[str, str], ...] = ()
    """Charts that were put into the tree, and their commits."""
    added: str = ""
    """A name for what is put into the tree before it is read (`Repository.added`)."""

    def entries(self, reference: Reference) -> dict[str, str] | None:
        """What a ConfigMap or Secret holds; None when it may be missing, and is."""
        found = (dict(data.entries) for data in self.data if (data.kind, data.name) == (reference.kind, reference.name))
        return next(found, None)


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One directory of an exported tree, for one application."""

    application: Name
    path: str
    """From the top of the tree; empty for the top."""
    options: RenderOptions = field(default_factory=RenderOptions)
    given: Given = field(default_factory=Given)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The documents of one directory, and all that they depend on within the tree."""

    documents: tuple[RawDocument, ...]
    read: frozenset[str]
    """Paths from the top of the tree; one that ends with a slash is a directory of which everything counts."""
    probed: frozenset[str]
    """Paths that were looked for and were not there."""
    tool: str
    """What rendered, with its version: `yaml/1`, `kustomize/5.8.1`."""
