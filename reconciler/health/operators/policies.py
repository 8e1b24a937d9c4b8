"""Policies and observability: Kyverno, Gatekeeper, Prometheus, Grafana, VictoriaMetrics."""

from reconciler.health.clauses import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Has, Says, rule, when

_KYVERNO = rule(
    when(HEALTHY, Says("Ready"), Has("status.ready", ("true",))),
    when(DEGRADED, Says("Ready", "False")),
)

_GATEKEEPER = rule(
    when(DEGRADED, Has("status.byPod.errors", because="status.byPod.errors.message")),
    when(HEALTHY, Has("status.byPod.enforced", ("true",))),
)

_PROMETHEUS = rule(
    when(SUSPENDED, Has("spec.paused")),
    when(DEGRADED, Says("Reconciled", "False")),
    when(HEALTHY, Says("Available")),
    when(PROGRESSING, Says("Available", "Degraded"), Says("Available", "False")),
)

_STACK = rule(
    when(DEGRADED, Says("Failed"), Says("Degraded")),
    when(PROGRESSING, Says("Pending")),
    when(HEALTHY, Says("Ready")),
)

RULES = {
    # https://kyverno.io/docs/
    ("kyverno.io", "ClusterPolicy"): _KYVERNO,
    ("kyverno.io", "Policy"): _KYVERNO,
    ("policies.kyverno.io", "*"): rule(
        when(HEALTHY, Has("status.conditionStatus.ready", ("true",))),
        when(PROGRESSING, Has("status.conditionStatus", because="status.conditionStatus.message")),
        otherwise=HEALTHY,  # an exception has no status
    ),
    # https://open-policy-agent.github.io/gatekeeper/website/docs/
    ("templates.gatekeeper.sh", "ConstraintTemplate"): rule(
        when(DEGRADED, Has("status.byPod.errors", because="status.byPod.errors.message")),
        when(HEALTHY, Has("status.created", ("true",))),
    ),
    ("constraints.gatekeeper.sh", "*"): _GATEKEEPER,
    ("mutations.gatekeeper.sh", "*"): _GATEKEEPER,
    # https://prometheus-operator.dev/docs/api-reference/api/
    ("monitoring.coreos.com", "Alertmanager"): _PROMETHEUS,
    ("monitoring.coreos.com", "Prometheus"): _PROMETHEUS,
    ("monitoring.coreos.com", "PrometheusAgent"): _PROMETHEUS,
    ("monitoring.coreos.com", "ThanosRuler"): _PROMETHEUS,
    # https://grafana.github.io/grafana-operator/docs/api/
    ("grafana.integreatly.org", "Grafana"): rule(
        when(DEGRADED, Has("status.stageStatus", ("failed",), because="status.lastMessage")),
        when(HEALTHY, Has("status.stage", ("complete",))),
    ),
    ("loki.grafana.com", "LokiStack"): _STACK,
    ("tempo.grafana.com", "TempoStack"): _STACK,
    # https://docs.victoriametrics.com/operator/api/
    ("operator.victoriametrics.com", "*"): rule(
        when(SUSPENDED, Has("status.updateStatus", ("paused",))),
        when(DEGRADED, Has("status.updateStatus", ("failed",), because="status.reason")),
        when(PROGRESSING, Has("status.updateStatus", ("expanding",))),
        otherwise=HEALTHY,  # older ones, and rules and scrapes, say nothing
    ),
}

STATIC = {
    "config.gatekeeper.sh": ("*",),
    "kyverno.io": ("CleanupPolicy", "ClusterCleanupPolicy", "PolicyException"),
    "monitoring.coreos.com": ("AlertmanagerConfig", "PodMonitor", "Probe", "PrometheusRule", "ScrapeConfig", "ServiceMonitor"),
    "opentelemetry.io": ("*",),
}
"""No controller says anything of these, or nothing that tells whether they work."""
