"""Storage and backups: snapshots, Velero, Rook, Longhorn, MinIO, KubeVirt's volumes."""

from reconciler.health.clauses import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Has, rule, when

_SNAPSHOT = rule(
    when(HEALTHY, Has("status.readyToUse")),
    when(PROGRESSING, Has("status.error", because="status.error.message")),  # it is tried again
)

_CEPH = rule(
    when(HEALTHY, Has("status.phase", ("Ready", "Connected", "Created"))),
    when(DEGRADED, Has("status.phase", ("Failure", "Failed", "ReconcileFailed"))),
)

RULES = {
    # https://github.com/kubernetes-csi/external-snapshotter, `client/apis/volumesnapshot/v1/types.go`
    ("snapshot.storage.k8s.io", "VolumeSnapshot"): _SNAPSHOT,
    ("snapshot.storage.k8s.io", "VolumeSnapshotContent"): _SNAPSHOT,
    # https://velero.io/docs/main/api-types/
    ("velero.io", "Backup"): rule(
        when(HEALTHY, Has("status.phase", ("Completed",))),
        when(DEGRADED, Has("status.phase", ("Failed",), because="status.failureReason")),
        when(DEGRADED, Has("status.phase", ("FailedValidation",), because="status.validationErrors")),
        when(
            DEGRADED,
            Has(
                "status.phase",
                ("PartiallyFailed", "FinalizingPartiallyFailed", "WaitingForPluginOperationsPartiallyFailed"),
                because="status.failureReason",
            ),
        ),
    ),
    ("velero.io", "Restore"): rule(
        when(HEALTHY, Has("status.phase", ("Completed",))),
        when(DEGRADED, Has("status.phase", ("Failed", "PartiallyFailed"), because="status.failureReason")),
        when(DEGRADED, Has("status.phase", ("FailedValidation",), because="status.validationErrors")),
    ),
    ("velero.io", "Schedule"): rule(
        when(SUSPENDED, Has("spec.paused")),
        when(HEALTHY, Has("status.phase", ("Enabled",))),
        when(DEGRADED, Has("status.phase", ("FailedValidation",), because="status.validationErrors")),
    ),
    ("velero.io", "BackupStorageLocation"): rule(
        when(HEALTHY, Has("status.phase", ("Available",))),
        when(DEGRADED, Has("status.phase", ("Unavailable",), because="status.message")),
    ),
    # https://rook.io/docs/rook/latest/CRDs/ ; HEALTH_WARN works, and is what many clusters live with
    ("ceph.rook.io", "CephCluster"): rule(
        when(DEGRADED, Has("status.ceph.health", ("HEALTH_ERR",), because="status.ceph.details.*.message")),
        when(DEGRADED, Has("status.state", ("Error",), because="status.message")),
        when(PROGRESSING, Has("status.state", ("Creating", "Updating", "Connecting", "Deleting"), because="status.message")),
        when(HEALTHY, Has("status.ceph.health", ("HEALTH_OK", "HEALTH_WARN"))),
    ),
    ("ceph.rook.io", "CephBlockPool"): _CEPH,
    ("ceph.rook.io", "CephFilesystem"): _CEPH,
    ("ceph.rook.io", "CephObjectStore"): _CEPH,
    ("ceph.rook.io", "CephObjectStoreUser"): _CEPH,
    ("ceph.rook.io", "CephNFS"): _CEPH,
    # https://longhorn.io/docs/ , `k8s/pkg/apis/longhorn/v1beta2/volume.go`
    ("longhorn.io", "Volume"): rule(
        when(DEGRADED, Has("status.robustness", ("faulted",))),
        when(PROGRESSING, Has("status.robustness", ("degraded",))),
        when(HEALTHY, Has("status.state", ("attached", "detached"))),
    ),
    # https://github.com/minio/operator, `pkg/controller/status.go`; its states are sentences
    ("minio.min.io", "Tenant"): rule(
        when(HEALTHY, Has("status.currentState", ("Initialized",))),
        when(
            DEGRADED,
            Has(
                "status.currentState",
                (
                    "Another MinIO Tenant already exists in the namespace", "Different versions across MinIO Pools",
                    "Statefulset not controlled by operator",
                ),
            ),
        ),
    ),
    # https://github.com/kubevirt/containerized-data-importer, `doc/datavolumes.md`
    ("cdi.kubevirt.io", "DataVolume"): rule(
        when(HEALTHY, Has("status.phase", ("Succeeded", "WaitForFirstConsumer", "PendingPopulation"))),
        when(SUSPENDED, Has("status.phase", ("Paused",))),
        when(DEGRADED, Has("status.phase", ("Failed",), because="status.conditions.message")),
    ),
}  # fmt: skip
