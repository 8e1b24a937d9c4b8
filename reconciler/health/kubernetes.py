"""The rules of Kubernetes' own kinds, by group and kind: functions where it takes counting, tables where it does not."""

from reconciler.health import extension, networking, pods, storage, workloads
from reconciler.health.clauses import DEGRADED, HEALTHY, PROGRESSING, Has, Says, rule, when

GATEWAY = "gateway.networking.k8s.io"

RULES = {
    ("", "Namespace"): extension.namespace,
    ("", "Node"): rule(when(HEALTHY, Says("Ready"))),
    ("", "PersistentVolume"): storage.volume,
    ("", "PersistentVolumeClaim"): storage.claim,
    ("", "Pod"): pods.pod,
    ("", "ReplicationController"): workloads.replica_set,
    ("", "Service"): networking.service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): extension.definition,
    ("apiregistration.k8s.io", "APIService"): extension.api_service,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): extension.autoscaler,
    # https://github.com/kubernetes/autoscaler, `vertical-pod-autoscaler/`; it recommends once it has seen pods
    ("autoscaling.k8s.io", "VerticalPodAutoscaler"): rule(when(DEGRADED, Says("ConfigUnsupported")), otherwise=HEALTHY),
    ("batch", "CronJob"): workloads.cron_job,
    ("batch", "Job"): workloads.job,
    ("certificates.k8s.io", "CertificateSigningRequest"): rule(
        when(DEGRADED, Says("Denied"), Says("Failed")),
        when(HEALTHY, Has("status.certificate")),
        when(PROGRESSING, Says("Approved")),
    ),
    ("certificates.k8s.io", "PodCertificateRequest"): rule(
        when(DEGRADED, Says("Denied"), Says("Failed")), when(HEALTHY, Says("Issued"))
    ),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): rule(when(DEGRADED, Says("Dangling")), otherwise=HEALTHY),
    (GATEWAY, "Gateway"): networking.gateway,
    (GATEWAY, "GatewayClass"): networking.gateway_class,
    (GATEWAY, "GRPCRoute"): networking.route,
    (GATEWAY, "HTTPRoute"): networking.route,
    (GATEWAY, "ListenerSet"): networking.gateway,
    (GATEWAY, "TCPRoute"): networking.route,
    (GATEWAY, "TLSRoute"): networking.route,
    (GATEWAY, "UDPRoute"): networking.route,
    (GATEWAY, "BackendTLSPolicy"): networking.policy,
    ("networking.k8s.io", "Ingress"): networking.ingress,
    ("networking.k8s.io", "ServiceCIDR"): rule(when(HEALTHY, Says("Ready"))),
    ("policy", "PodDisruptionBudget"): extension.disruption_budget,
    ("storage.k8s.io", "VolumeAttachment"): rule(
        when(HEALTHY, Has("status.attached")),
        when(PROGRESSING, Has("status.attachError", because="status.attachError.message")),  # it is tried again
    ),
    ("storagemigration.k8s.io", "StorageVersionMigration"): rule(
        when(HEALTHY, Says("Succeeded")), when(DEGRADED, Says("Failed"))
    ),
}
