"""The metrics of the receiver."""

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()

REQUESTS = Counter("trueup_http_requests_total", "Requests, by route and status.", ("route", "status"), registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "trueup_http_request_seconds", "From a request's head to its answer.", ("route",), registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 60),
)  # fmt: skip
DELIVERIES = Counter(
    "trueup_deliveries_total", "Authentic webhooks, by provider, what became of them, and which key verified them.",
    ("provider", "outcome", "key", "generation"), registry=REGISTRY,
)  # fmt: skip
LOGINS = Counter("trueup_logins_total", "Logins to the pages, by outcome.", ("outcome",), registry=REGISTRY)
REFUSALS = Counter("trueup_webhook_refusals_total", "Webhooks that were refused, by status.", ("status",), registry=REGISTRY)
