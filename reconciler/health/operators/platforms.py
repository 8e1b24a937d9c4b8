"""Platforms, and clusters from them: Knative, Crossplane, Cluster API, KEDA, KubeVirt, OLM, OpenShift, OpenKruise, cloud controllers."""

from reconciler.health import workloads
from reconciler.health.clauses import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, UNKNOWN, Has, Says, rule, when

_THREE_VALUED = rule(when(HEALTHY, Says("Ready")), when(DEGRADED, Says("Ready", "False")))
"""Knative's: False is final, Unknown is on its way. https://github.com/knative/specs, `specs/serving/knative-api-specification-1.0.md`"""

_MANAGED = rule(
    when(SUSPENDED, Says("Synced", "False", ("ReconcilePaused",))),
    when(PROGRESSING, Says("Synced", "False")),  # often a reference to what is not there yet
    when(HEALTHY, Says("Ready")),
)

_MACHINES = rule(
    when(SUSPENDED, Has("spec.paused")),
    when(DEGRADED, Has("status.failureMessage", because="status.failureMessage"), Has("status.phase", ("Failed",))),
    when(HEALTHY, Says("Available"), Says("Ready")),
)

_SCALED = rule(
    when(SUSPENDED, Says("Paused")),
    when(DEGRADED, Says("Fallback"), Says("Ready", "False")),
    when(HEALTHY, Says("Ready")),
)

_BATCH = rule(
    when(HEALTHY, Says("Completed"), Says("Succeeded")),
    when(DEGRADED, Says("Failed")),
    when(SUSPENDED, Says("Suspended"), Has("spec.suspend")),
)

RULES = {
    ("*.knative.dev", "*"): _THREE_VALUED,
    ("operator.knative.dev", "*"): rule(when(HEALTHY, Says("Ready"))),  # False while it installs
    # https://docs.crossplane.io/latest/
    ("*.crossplane.io", "*"): _MANAGED,
    ("*.upbound.io", "*"): _MANAGED,
    ("pkg.crossplane.io", "*"): rule(when(HEALTHY, Says("Healthy"))),
    ("apiextensions.crossplane.io", "*"): rule(when(HEALTHY, Says("Established"))),
    # https://cluster-api.sigs.k8s.io/ ; what infrastructure providers add follows no one rule
    ("cluster.x-k8s.io", "Cluster"): _MACHINES,
    ("cluster.x-k8s.io", "Machine"): _MACHINES,
    ("cluster.x-k8s.io", "MachineDeployment"): _MACHINES,
    ("cluster.x-k8s.io", "MachinePool"): _MACHINES,
    ("controlplane.cluster.x-k8s.io", "KubeadmControlPlane"): _MACHINES,
    ("addons.cluster.x-k8s.io", "ClusterResourceSet"): rule(
        when(HEALTHY, Says("ResourcesApplied")), when(PROGRESSING, Says("ResourcesApplied", "False"))  # it is tried again
    ),
    # https://keda.sh/docs/latest/reference/scaledobject-spec/
    ("keda.sh", "ScaledObject"): _SCALED,
    ("keda.sh", "ScaledJob"): _SCALED,
    # https://kubevirt.io/user-guide/user_workloads/lifecycle/
    ("kubevirt.io", "VirtualMachine"): rule(
        when(HEALTHY, Has("status.printableStatus", ("Running",))),
        when(SUSPENDED, Has("status.printableStatus", ("Stopped", "Paused"))),
        when(
            DEGRADED,
            Has(
                "status.printableStatus",
                (
                    "CrashLoopBackOff", "DataVolumeError", "ErrImagePull", "ErrorDataVolumeNotFound",
                    "ErrorPvcNotFound", "ErrorUnschedulable", "ImagePullBackOff",
                ),
            ),
        ),
    ),
    ("kubevirt.io", "VirtualMachineInstance"): rule(
        when(HEALTHY, Has("status.phase", ("Running", "Succeeded"))),
        when(DEGRADED, Has("status.phase", ("Failed",))),
        when(UNKNOWN, Has("status.phase", ("Unknown",))),
    ),
    ("kubevirt.io", "KubeVirt"): rule(when(HEALTHY, Has("status.phase", ("Deployed",)))),
    # https://olm.operatorframework.io/docs/concepts/crds/
    ("operators.coreos.com", "ClusterServiceVersion"): rule(
        when(HEALTHY, Has("status.phase", ("Succeeded",))),
        when(DEGRADED, Has("status.phase", ("Failed",), because="status.message")),
        when(PROGRESSING, Has("status.phase", because="status.message")),
    ),
    ("operators.coreos.com", "Subscription"): rule(
        when(DEGRADED, Says("ResolutionFailed"), Says("CatalogSourcesUnhealthy"), Says("BundleUnpackFailed")),
        when(HEALTHY, Has("status.state", ("AtLatestKnown", "UpgradeAvailable"))),
        when(SUSPENDED, Says("InstallPlanPending", "True", ("RequiresApproval",))),
    ),
    ("operators.coreos.com", "InstallPlan"): rule(
        when(HEALTHY, Has("status.phase", ("Complete",))),
        when(DEGRADED, Has("status.phase", ("Failed",), because="status.message")),
        when(SUSPENDED, Has("status.phase", ("RequiresApproval",))),
    ),
    ("operators.coreos.com", "CatalogSource"): rule(
        when(HEALTHY, Has("status.connectionState.lastObservedState", ("READY",)))
    ),
    # https://docs.redhat.com/en/documentation/openshift_container_platform/latest/html/workloads_apis/deploymentconfig-apps-openshift-io-v1
    ("apps.openshift.io", "DeploymentConfig"): rule(
        when(DEGRADED, Says("ReplicaFailure"), Says("Progressing", "False")),
        when(SUSPENDED, Has("spec.paused")),
        when(PROGRESSING, Says("Available", "False")),
        when(HEALTHY, Says("Progressing", "True", ("NewReplicationControllerAvailable",))),
        when(PROGRESSING, Says("Progressing")),
    ),
    # https://openkruise.io/docs/
    ("apps.kruise.io", "CloneSet"): workloads.clone_set,
    ("apps.kruise.io", "StatefulSet"): workloads.stateful_set,
    ("apps.kruise.io", "DaemonSet"): workloads.daemon_set,
    ("apps.kruise.io", "BroadcastJob"): rule(
        when(HEALTHY, Says("Complete")), when(DEGRADED, Says("Failed")), when(SUSPENDED, Has("spec.paused"))
    ),
    ("apps.kruise.io", "AdvancedCronJob"): rule(when(SUSPENDED, Has("spec.paused")), otherwise=HEALTHY),
    # https://camel.apache.org/camel-k/next/
    ("camel.apache.org", "Integration"): rule(
        when(HEALTHY, Says("Ready")), when(DEGRADED, Has("status.phase", ("Error",), because="status.conditions.message"))
    ),
    # https://docs.datadoghq.com/containers/guide/cluster_agent_autoscaling_metrics/
    ("datadoghq.com", "DatadogMetric"): rule(when(DEGRADED, Says("Error"), Says("Valid", "False")), otherwise=HEALTHY),
    # https://cloud.google.com/config-connector/docs/troubleshooting
    ("*.cnrm.cloud.google.com", "*"): rule(
        when(HEALTHY, Says("Ready")),
        when(DEGRADED, Says("Ready", "False", ("DependencyInvalid", "ManagementConflict", "UpdateFailed"))),
    ),
    ("core.cnrm.cloud.google.com", "*"): rule(
        when(PROGRESSING, Has("status.healthy", ("false",), because="status.errors")), otherwise=HEALTHY
    ),
    # https://aws-controllers-k8s.github.io/community/docs/user-docs/resource-crud/
    ("*.services.k8s.aws", "*"): rule(when(DEGRADED, Says("ACK.Terminal")), when(HEALTHY, Says("ACK.ResourceSynced"))),
    # https://azure.github.io/azure-service-operator/guide/conditions/
    ("*.azure.com", "*"): rule(
        when(HEALTHY, Says("Ready")),
        when(DEGRADED, Has("status.conditions.severity", ("Error",), because="status.conditions.message")),
    ),
    # https://jobset.sigs.k8s.io/ , https://www.kubeflow.org/docs/components/trainer/
    ("jobset.x-k8s.io", "JobSet"): _BATCH,
    **{("kubeflow.org", f"{framework}Job"): _BATCH for framework in ("JAX", "MPI", "Paddle", "PyTorch", "TF", "XGBoost")},
    # https://github.com/kubeflow/spark-operator
    ("sparkoperator.k8s.io", "SparkApplication"): rule(
        when(HEALTHY, Has("status.applicationState.state", ("COMPLETED", "RUNNING"))),
        when(
            DEGRADED,
            Has(
                "status.applicationState.state", ("FAILED", "SUBMISSION_FAILED"), because="status.applicationState.errorMessage"
            ),
        ),
    ),
    ("sparkoperator.k8s.io", "ScheduledSparkApplication"): rule(
        when(SUSPENDED, Has("spec.suspend")),
        when(HEALTHY, Has("status.scheduleState", ("Scheduled",))),
        when(DEGRADED, Has("status.scheduleState", ("FailedValidation",), because="status.reason")),
    ),
    # https://kserve.github.io/website/ ; Ready is also False while a model is loaded
    ("serving.kserve.io", "InferenceService"): rule(
        when(
            DEGRADED,
            Has(
                "status.modelStatus.transitionStatus", ("BlockedByFailedLoad", "InvalidSpec"),
                because="status.modelStatus.lastFailureInfo.message",
            ),
        ),
        when(HEALTHY, Says("Ready")),
    ),
    # https://nightlies.apache.org/flink/flink-kubernetes-operator-docs-main/
    ("flink.apache.org", "FlinkDeployment"): rule(
        when(HEALTHY, Has("status.lifecycleState", ("STABLE", "DEPLOYED"))),
        when(DEGRADED, Has("status.lifecycleState", ("FAILED",), because="status.error")),
        when(SUSPENDED, Has("status.lifecycleState", ("SUSPENDED",))),
    ),
    # https://docs.ray.io/en/latest/cluster/kubernetes/
    ("ray.io", "RayCluster"): rule(
        when(HEALTHY, Has("status.state", ("ready",))),
        when(SUSPENDED, Has("status.state", ("suspended",))),
        when(DEGRADED, Has("status.state", ("failed",), because="status.reason")),
    ),
    ("ray.io", "RayJob"): rule(
        when(HEALTHY, Has("status.jobStatus", ("SUCCEEDED",))),
        when(
            DEGRADED,
            Has("status.jobStatus", ("FAILED", "STOPPED"), because="status.message"),
            Has("status.jobDeploymentStatus", ("Failed",), because="status.message"),
        ),
        when(SUSPENDED, Has("status.jobDeploymentStatus", ("Suspended",))),
    ),
    ("ray.io", "RayService"): rule(when(HEALTHY, Says("Ready"), Has("status.serviceStatus", ("Running",)))),
}  # fmt: skip

STATIC = {
    "*.crossplane.io": ("ClusterProviderConfig", "ProviderConfig", "ProviderConfigUsage"),
    "*.upbound.io": ("ClusterProviderConfig", "ProviderConfig", "ProviderConfigUsage"),
    "apiextensions.crossplane.io": ("Composition", "CompositionRevision", "EnvironmentConfig", "Usage"),
    "keda.sh": ("ClusterTriggerAuthentication", "TriggerAuthentication"),
    "networking.internal.knative.dev": ("ClusterDomainClaim",),
    "operators.coreos.com": ("OperatorGroup",),
    "pkg.crossplane.io": ("ControllerConfig", "DeploymentRuntimeConfig", "ImageConfig", "Lock"),
}
"""No controller says anything of these."""
