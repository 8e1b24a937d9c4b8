"""What the demo keeps in Git, and what it declares: a Deployment of three replicas and its Service."""

from dataclasses import dataclass

from trueup.sandbox.forge_pulls import StoredPull

REPOSITORY = "acme/shop-config"
APPLICATION = "my-web-app"
PATH = f"apps/{APPLICATION}"
NAMESPACE = "trueup-demo"


@dataclass(frozen=True, slots=True)
class Images:
    """The two versions that the demo rolls out."""

    old: str = "my-web-app:1.0.0"
    new: str = "my-web-app:1.1.0"


SANDBOX_IMAGES = Images()
CLUSTER_IMAGES = Images("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10")
"""On a cluster that pulls images, the demo needs some that exist."""


def deployment(image: str, *, replicas: object = 3) -> str:
    """The Deployment's file."""
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {APPLICATION}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {APPLICATION}}}}}
  template:
    metadata: {{labels: {{app: {APPLICATION}}}}}
    spec:
      containers:
        - name: web
          image: {image}
          ports: [{{name: http, containerPort: 8080}}]
"""


def service() -> str:
    """The Service's file."""
    return f"""apiVersion: v1
kind: Service
metadata:
  name: {APPLICATION}
spec:
  selector: {{app: {APPLICATION}}}
  ports: [{{name: http, port: 80, targetPort: http}}]
"""


def declarations(git_url: str, forge_url: str) -> str:
    """The Repository and the Application."""
    return f"""apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {{name: shop, namespace: trueup}}
spec:
  url: {git_url}
  forge: github
  api: {forge_url}
  poll: 60s
  commitStatus: {{secretRef: {{name: shop-forge}}}}
---
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {{name: {APPLICATION}, namespace: trueup}}
spec:
  sources:
    - git: {{repository: shop, revision: main, path: {PATH}}}
  destination: {{cluster: in-cluster, namespace: {NAMESPACE}, createNamespace: true}}
  sync: {{mode: automatic, drift: repair, prune: true, timeout: 2m}}
"""


OVERLAY, CHART = "banner-prod", "greeter"
"""A second and a third application: an overlay of Kustomize, and a chart of Helm."""

RENDERED: dict[str, dict[str, str]] = {
    OVERLAY: {
        "base/banner/kustomization.yaml": "resources: [banner.yaml]\n",
        "base/banner/banner.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: banner}\ndata: {text: hello}\n",
        f"apps/{OVERLAY}/kustomization.yaml": "resources: [../../base/banner]\nnameSuffix: -prod\n",
    },
    CHART: {
        f"apps/{CHART}/Chart.yaml": f"apiVersion: v2\nname: {CHART}\nversion: 1.0.0\n",
        f"apps/{CHART}/values.yaml": "greeting: hello\n",
        f"apps/{CHART}/templates/greeting.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
        "data: {text: {{ .Values.greeting | quote }}}\n",
    },
}


def declaration(name: str) -> str:
    """One more Application; how it is rendered is found out."""
    return f"""apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: trueup}}
spec:
  sources: [{{git: {{repository: shop, path: apps/{name}}}}}]
  destination: {{namespace: {NAMESPACE}}}
"""


def pull_payload(pull: StoredPull, clone_url: str, *, action: str = "opened") -> dict[str, object]:
    """The parts of GitHub's pull_request event that matter, as GitHub sends them."""
    ours = {"full_name": REPOSITORY, "clone_url": clone_url}
    source = {"full_name": pull.fork, "clone_url": f"https://example.com/{pull.fork}.git"} if pull.fork else ours
    return {
        "action": action,
        "number": pull.number,
        "pull_request": {
            "number": pull.number,
            "state": pull.state,
            "head": {"ref": pull.source, "sha": pull.commit, "repo": None if pull.fork is None else source},
            "base": {"ref": pull.base, "repo": ours},
            "merged": pull.state == "merged",
        },
        "repository": ours,
        "sender": {"login": "ada", "type": "User"},
    }


def push_payload(commit: str, before: str, clone_url: str) -> dict[str, object]:
    """The parts of GitHub's push event that matter, as GitHub sends them."""
    return {
        "ref": "refs/heads/main",
        "before": before,
        "after": commit,
        "created": False,
        "deleted": False,
        "forced": False,
        "repository": {
            "id": 1,
            "full_name": REPOSITORY,
            "name": REPOSITORY.rpartition("/")[2],
            "clone_url": clone_url,
            "default_branch": "main",
            "private": True,
        },
        "pusher": {"name": "ada"},
        "sender": {"login": "ada"},
        "head_commit": {"id": commit},
        "commits": [{"id": commit}],
    }
