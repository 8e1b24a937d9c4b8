"""What is applied: the four objects of a flux-benchmark application, and one ConfigMap where the way is measured, not the load.

https://github.com/fluxcd/flux-benchmark: a ServiceAccount, a Service, a Deployment with 0 replicas and an Ingress.
"""

from collections.abc import Iterator

import yaml

from benchmarks.raw import Apply
from reconciler.model.declared import Instance, Name
from reconciler.model.objects import Kind, Kinds, RawDocument
from reconciler.plan.manifest import Stamp, prepare

KINDS = Kinds(
    [
        Kind("", "v1", "ConfigMap", "configmaps", namespaced=True),
        Kind("", "v1", "ServiceAccount", "serviceaccounts", namespaced=True),
        Kind("", "v1", "Service", "services", namespaced=True, has_status=True),
        Kind("apps", "v1", "Deployment", "deployments", namespaced=True, has_status=True),
        Kind("networking.k8s.io", "v1", "Ingress", "ingresses", namespaced=True, has_status=True),
    ]
)

FOUR = """\
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  type: ClusterIP
  selector: {{app: {name}}}
  ports: [{{name: http, port: 9898, protocol: TCP, targetPort: http}}, {{name: grpc, port: 9999, protocol: TCP, targetPort: grpc}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 0
  minReadySeconds: 3
  revisionHistoryLimit: 5
  progressDeadlineSeconds: 60
  strategy: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 0}}}}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      annotations: {{prometheus.io/scrape: "true", prometheus.io/port: "9797"}}
      labels: {{app: {name}}}
    spec:
      serviceAccountName: {name}
      containers:
        - name: podinfod
          image: ghcr.io/stefanprodan/podinfo:{version}
          imagePullPolicy: IfNotPresent
          ports:
            - {{name: http, containerPort: 9898, protocol: TCP}}
            - {{name: http-metrics, containerPort: 9797, protocol: TCP}}
            - {{name: grpc, containerPort: 9999, protocol: TCP}}
          command: [./podinfo, --port=9898, --port-metrics=9797, --grpc-port=9999, --level=info, --random-delay=false]
          env: [{{name: PODINFO_UI_COLOR, value: "#34577c"}}]
          livenessProbe:
            exec: {{command: [podcli, check, http, localhost:9898/healthz]}}
            initialDelaySeconds: 5
            timeoutSeconds: 5
          readinessProbe:
            exec: {{command: [podcli, check, http, localhost:9898/readyz]}}
            initialDelaySeconds: 5
            timeoutSeconds: 5
          resources: {{limits: {{cpu: 2000m, memory: 512Mi}}, requests: {{cpu: 100m, memory: 64Mi}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}}}
spec:
  rules:
    - host: {name}.example
      http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 9898}}}}}}}}]}}
"""


def four(name: str, version: str = "6.5.0") -> str:
    """The manifests of one application."""
    return FOUR.format(name=name, version=version)


def applies(text: str, *, instance: str, namespace: str, name: str) -> Iterator[Apply]:
    """What a raw client sends for an application's manifests: byte for byte what Trueup would, for another instance and namespace."""
    documents = [RawDocument(document, "") for document in yaml.safe_load_all(text)]
    stamp = Stamp(Instance(instance), Name("trueup", name), namespace, b"")
    for manifest in prepare(documents, stamp, KINDS):
        kind = KINDS.find(manifest.key.group, manifest.key.kind)
        assert kind is not None
        yield kind.path(namespace, manifest.key.name), manifest.body
