"""The schema of an Application's sources: directories of Git, charts, and artifacts."""

from typing import Self

from pydantic import Field, model_validator

from reconciler.declarations.fields import DnsName, NameOrNothing, Path, Revision, VersionRange
from reconciler.declarations.part import Part
from reconciler.declarations.rendering import RenderSpec
from reconciler.model.declared import GitSource, Name


class GitSourceSpec(Part):
    """A directory of a repository at a revision."""

    repository: DnsName = Field(description="Name of a Repository.")
    namespace: NameOrNothing = Field(
        default="", description="The Repository's namespace, which it must allow; left out: the Application's own."
    )
    revision: Revision = Field(
        default="main",
        description="Branch, tag, full commit hash, any ref such as refs/pull/7/head, or the highest tag of a range: semver:>=1.2 <2.",
    )
    path: Path = Field(default="", description="Directory; left out: the top.")


class ChartSourceSpec(Part):
    """A chart of a Helm repository, or of a registry."""

    repository: DnsName = Field(
        description="Name of a Repository: one of type `helm`, or the part of oci:// before the chart's name."
    )
    namespace: NameOrNothing = Field(
        default="", description="The Repository's namespace, which it must allow; left out: the Application's own."
    )
    name: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=250, description="Name of the chart.")
    version: VersionRange = Field(
        default="*", description="A version, or a range: 1.2.3, 1.2.x, ^1.2, >=1.2 <2; the highest counts."
    )


class OciSourceSpec(Part):
    """A directory of an artifact in a registry: what `flux push artifact` makes, or any archive of files."""

    repository: DnsName = Field(description="Name of a Repository whose address is that of the artifact, oci://host/owner/name.")
    namespace: NameOrNothing = Field(
        default="", description="The Repository's namespace, which it must allow; left out: the Application's own."
    )
    tag: str = Field(
        default="", pattern="^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$", description="Left out, with the other two: latest."
    )
    semver: VersionRange | None = Field(default=None, description="A range of versions among the tags; the highest counts.")
    digest: str = Field(default="", pattern="^(sha256:[0-9a-f]{64})?$", description="Exactly this one.")
    path: Path = Field(default="", description="Directory; left out: the top.")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if sum(map(bool, (self.tag, self.semver, self.digest))) > 1:
            raise ValueError("tag, semver and digest: only one can count")
        return self

    @property
    def revision(self) -> str:
        """What is followed."""
        if self.digest:
            return f"refs/oci/digest/{self.digest}"
        return f"refs/oci/semver/{self.semver}" if self.semver else f"refs/oci/tag/{self.tag or 'latest'}"


class SourceSpec(Part):
    """Where documents come from: one of `git`, `chart` and `oci`."""

    git: GitSourceSpec | None = Field(default=None, description="A directory of a Git repository.")
    chart: ChartSourceSpec | None = Field(default=None, description="A chart.")
    oci: OciSourceSpec | None = Field(default=None, description="A directory of an artifact in a registry.")
    render: RenderSpec | None = Field(default=None, description="How its documents are made; left out: as `spec.render` says.")
    ref: str = Field(
        default="",
        max_length=63,
        pattern="^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$",
        description="What `valuesFiles` of the other sources call it by: `$ref/…`. Without a path nothing else of it is rendered.",
    )

    def value(self, namespace: str) -> GitSource:
        """The value that travels."""
        render = self.render.value() if self.render else None
        if self.chart is not None:
            chart, revision = self.chart, f"refs/charts/{self.chart.name}/{self.chart.version}"
            return GitSource(Name(chart.namespace or namespace, chart.repository), revision, "", render)
        found = self.git or self.oci
        assert found is not None
        return GitSource(Name(found.namespace or namespace, found.repository), found.revision, found.path, render, self.ref)

    @property
    def path(self) -> str:
        """Its directory."""
        found = self.git or self.oci
        return found.path if found is not None else ""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(source is not None for source in (self.git, self.chart, self.oci)) != 1:
            raise ValueError("must be one of git, chart and oci")
        if self.chart is not None and self.ref:
            raise ValueError("ref: a chart is rendered and not referred to; name the source of the values")
        return self
