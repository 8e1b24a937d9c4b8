"""Networks beyond Kubernetes' own: Contour, NGINX, OpenShift routes, Cilium, MetalLB, Istio, Linkerd, Traefik, Google's certificates."""

from reconciler.health.clauses import DEGRADED, HEALTHY, Has, Says, rule, when

_CILIUM = rule(when(DEGRADED, Says("Valid", "False")), otherwise=HEALTHY)
"""Older ones say nothing."""

_NGINX = rule(
    when(HEALTHY, Has("status.state", ("Valid", "Warning"))),
    when(DEGRADED, Has("status.state", ("Invalid",), because="status.message")),
)

RULES = {
    # https://projectcontour.io/docs/main/config/fundamentals/
    ("projectcontour.io", "HTTPProxy"): rule(
        when(HEALTHY, Has("status.currentStatus", ("valid",))),
        when(DEGRADED, Has("status.currentStatus", ("invalid", "orphaned"), because="status.description")),
    ),
    # https://docs.nginx.com/nginx-ingress-controller/
    ("k8s.nginx.org", "VirtualServer"): _NGINX,
    ("k8s.nginx.org", "VirtualServerRoute"): _NGINX,
    ("k8s.nginx.org", "TransportServer"): _NGINX,
    ("k8s.nginx.org", "Policy"): _NGINX,
    # https://docs.redhat.com/en/documentation/openshift_container_platform/latest/html/network_apis/route-route-openshift-io-v1
    ("route.openshift.io", "Route"): rule(
        when(DEGRADED, Has("status.ingress.conditions.status", ("False",), because="status.ingress.conditions.message")),
        when(HEALTHY, Has("status.ingress.conditions.status", ("True",))),
    ),
    # https://docs.cilium.io/en/stable/network/kubernetes/policy/
    ("cilium.io", "CiliumNetworkPolicy"): _CILIUM,
    ("cilium.io", "CiliumClusterwideNetworkPolicy"): _CILIUM,
    # https://cloud.google.com/kubernetes-engine/docs/how-to/managed-certs
    ("networking.gke.io", "ManagedCertificate"): rule(
        when(DEGRADED, Has("status.domainStatus.status", ("FailedNotVisible", "FailedCaaChecking", "FailedCaaForbidden"))),
        when(HEALTHY, Has("status.certificateStatus", ("Active",))),
    ),
    # https://metallb.universe.tf/apis/
    ("metallb.io", "ConfigurationState"): rule(
        when(HEALTHY, Has("status.result", ("Valid",))),
        when(DEGRADED, Has("status.result", ("Invalid",), because="status.errorSummary")),
    ),
}

STATIC = {
    "*.istio.io": ("*",),
    "crd.projectcalico.org": ("*",),
    "externaldns.k8s.io": ("DNSEndpoint",),
    "k8s.cni.cncf.io": ("*",),
    "linkerd.io": ("*",),
    "metallb.io": ("*",),
    "projectcalico.org": ("*",),
    "traefik.containo.us": ("*",),
    "traefik.io": ("*",),
}
"""No controller says anything of these, or only when it is asked to."""
