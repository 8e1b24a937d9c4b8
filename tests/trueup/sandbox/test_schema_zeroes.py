from trueup.sandbox.schema import Fields, named
from trueup.sandbox.schema_zeroes import zeroes

TYPES = """package v1

type Mount struct {
	// Where.
	Name string `json:"name" protobuf:"bytes,1"`
	ReadOnly bool `json:"readOnly,omitempty" protobuf:"varint,2"`
	Mode *string `json:"mode,omitempty"`
	Shared `json:",inline"`
	Items []string `json:"items,omitempty"`
	Kind MountKind `json:"kind,omitempty"`
}

type Shared struct {
	SubPath string `json:"subPath,omitempty"`
}
"""
FIELDS = {
    "name": "string",
    "readOnly": "boolean",
    "mode": "string",
    "subPath": "string",
    "items": {"items": "string"},
    "kind": "string",
}


def test_scalars_that_are_no_pointers_are_left_out_when_they_are_zero(tmp_path):
    directory = tmp_path / "api@v0" / "core" / "v1"
    directory.mkdir(parents=True)
    (directory / "types.go").write_text(TYPES)
    found = zeroes(tmp_path, {"core.v1.Mount": {"fields": FIELDS}, "core.v1.Unknown": {"fields": {}}, "core.v1.Text": "string"})
    assert found == {"core.v1.Mount": ["kind", "readOnly", "subPath"]}


def test_the_table_has_them():
    mount, spec = named("core.v1.VolumeMount"), named("apps.v1.DeploymentSpec")
    assert isinstance(mount, Fields)
    assert isinstance(spec, Fields)
    assert "readOnly" in mount.zero
    assert "replicas" not in spec.zero
