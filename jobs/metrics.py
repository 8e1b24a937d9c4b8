"""The metrics of jobs. Names end in their unit; labels come from closed sets, and avoid Prometheus' own `job` and `instance`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
"""Ours alone: a library's metrics are not ours to publish."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

JOBS = Counter("trueup_jobs_total", "Jobs that ended, by kind and state.", ("kind", "state"), registry=REGISTRY)
SYNCS = Counter("trueup_syncs_total", "Syncs that ended, by state.", ("state",), registry=REGISTRY)
SYNC_SECONDS = Histogram(
    "trueup_sync_seconds", "From the start of a sync to its end.", ("state",), buckets=SECONDS, registry=REGISTRY
)
STEPS = Counter(
    "trueup_steps_total", "Objects that were created, updated, deleted or held.", ("action", "outcome"), registry=REGISTRY
)
APPLY_SECONDS = Histogram("trueup_apply_seconds", "One object's apply or delete.", buckets=SECONDS, registry=REGISTRY)
DRIFT = Counter("trueup_drift_total", "Objects that left the desired state, by kind of drift.", ("kind",), registry=REGISTRY)
POLICIES = Counter(
    "trueup_policy_findings_total",
    "Objects that a policy denied or warned of in a sync, by action.",
    ("action",),
    registry=REGISTRY,
)
DEPLOYMENTS = Counter(
    "trueup_deployments_total",
    "Deployments and returns, by outcome: `succeeded`, `failed`, `rolled_back`; see dora.md.",
    ("outcome",),
    registry=REGISTRY,
)
LEAD_SECONDS = Histogram(
    "trueup_lead_time_seconds",
    "Of deployments that succeeded: from the commit to healthy (`lead`), and its parts up to `received`, `applied`, `healthy`.",
    ("stage",),
    buckets=(1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 86400, 3 * 86400, 7 * 86400, 30 * 86400),
    registry=REGISTRY,
)
FIGHTS = Counter(
    "trueup_fights_total", "Repairs that were put off because something changes the object again and again.", registry=REGISTRY
)
OWNED = Gauge("trueup_owned_objects", "Objects owned in a cluster that this worker holds.", ("cluster",), registry=REGISTRY)
STRAYS = Gauge(
    "trueup_stray_objects", "Objects that carry our label in a held cluster and are not owned.", ("cluster",), registry=REGISTRY
)
PAUSED = Gauge("trueup_paused_applications", "Applications of a held cluster that are paused.", ("cluster",), registry=REGISTRY)
ROLLED_BACK = Gauge(
    "trueup_rolled_back_applications",
    "Applications of a held cluster that were rolled back, by people or since a revision failed.",
    ("cluster",),
    registry=REGISTRY,
)
HELD = Gauge("trueup_held_clusters", "Clusters that this worker holds.", registry=REGISTRY)
WEBHOOKS = Gauge(
    "trueup_webhook_repositories",
    "Webhooks that Trueup registers, of a Repository or shared by several, by how they are.",
    ("state",),
    registry=REGISTRY,
)
MOVED = Gauge(
    "trueup_moved_repositories",
    "Repositories that were renamed at their forge, or whose name another one took, as deliveries say.",
    registry=REGISTRY,
)
REDELIVERIES = Counter(
    "trueup_redeliveries_total", "Deliveries that never arrived, and that the forge was asked for again.", registry=REGISTRY
)
COMMENTS = Counter(
    "trueup_pull_request_comments_total",
    "Comments on pull requests, by outcome of the forge's calls.",
    ("outcome",),
    registry=REGISTRY,
)
STATUSES = Counter(
    "trueup_commit_statuses_total", "Commit statuses, by outcome of the forge's call.", ("outcome",), registry=REGISTRY
)
