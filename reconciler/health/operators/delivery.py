"""Delivery and pipelines: Trueup itself, Flux, Argo, Tekton, Flagger, OpenKruise rollouts, Numaflow."""

from reconciler.health.clauses import (
    DEGRADED,
    HEALTHY,
    MISSING,
    PROGRESSING,
    SUSPENDED,
    UNKNOWN,
    Has,
    Says,
    rule,
    when,
)

_RUN = rule(when(HEALTHY, Says("Succeeded")), when(DEGRADED, Says("Succeeded", "False")))

_FLOWING = rule(
    when(HEALTHY, Has("status.phase", ("Running",))),
    when(SUSPENDED, Has("status.phase", ("Paused", "Pausing"))),
    when(DEGRADED, Has("status.phase", ("Failed",), because="status.message")),
)

_MEASURED = rule(
    when(HEALTHY, Has("status.phase", ("Successful",))),
    when(DEGRADED, Has("status.phase", ("Failed", "Error", "Inconclusive"), because="status.message")),
)

RULES = {
    # Stalled is looked at before; what waits for people is stopped on purpose
    ("trueup.dev", "Application"): rule(
        when(HEALTHY, Says("Ready")), when(SUSPENDED, Says("Ready", "False", ("Manual", "Held", "Paused")))
    ),
    ("trueup.dev", "Repository"): rule(when(HEALTHY, Says("Ready"))),
    # https://fluxcd.io/flux/components/ ; Reconciling and Stalled are looked at before
    ("*.toolkit.fluxcd.io", "*"): rule(
        when(SUSPENDED, Has("spec.suspend")),
        when(HEALTHY, Says("Ready")),
        when(PROGRESSING, Says("Ready", "False", ("DependencyNotReady", "ArtifactFailed", "SourceNotReady", "Progressing"))),
        when(DEGRADED, Says("Ready", "False")),
    ),
    ("source.toolkit.fluxcd.io", "HelmRepository"): rule(
        when(SUSPENDED, Has("spec.suspend")),
        when(HEALTHY, Has("spec.type", ("oci",)), Says("Ready")),  # an OCI one has no status
        when(DEGRADED, Says("Ready", "False")),
    ),
    # https://argo-cd.readthedocs.io/en/stable/operator-manual/health/
    ("argoproj.io", "Application"): rule(
        when(DEGRADED, Has("status.operationState.phase", ("Failed", "Error"), because="status.operationState.message")),
        when(HEALTHY, Has("status.health.status", ("Healthy",))),
        when(SUSPENDED, Has("status.health.status", ("Suspended",), because="status.health.message")),
        when(DEGRADED, Has("status.health.status", ("Degraded",), because="status.health.message")),
        when(MISSING, Has("status.health.status", ("Missing",), because="status.health.message")),
        when(UNKNOWN, Has("status.health.status", ("Unknown",), because="status.conditions.message")),
    ),
    ("argoproj.io", "ApplicationSet"): rule(
        when(DEGRADED, Says("ErrorOccurred")),
        when(HEALTHY, Says("ResourcesUpToDate")),
    ),
    # https://argo-rollouts.readthedocs.io/en/stable/features/specification/
    ("argoproj.io", "Rollout"): rule(
        when(DEGRADED, Says("InvalidSpec"), Has("status.phase", ("Degraded",), because="status.message")),
        when(HEALTHY, Has("status.phase", ("Healthy",))),
        when(SUSPENDED, Has("status.phase", ("Paused",), because="status.message")),
        when(PROGRESSING, Has("status.phase", ("Progressing",), because="status.message")),
    ),
    ("argoproj.io", "AnalysisRun"): _MEASURED,
    ("argoproj.io", "Experiment"): _MEASURED,
    # https://argo-workflows.readthedocs.io/en/latest/fields/
    ("argoproj.io", "Workflow"): rule(
        when(HEALTHY, Has("status.phase", ("Succeeded",))),
        when(DEGRADED, Has("status.phase", ("Failed", "Error"), because="status.message")),
        when(SUSPENDED, Has("spec.suspend")),
    ),
    ("argoproj.io", "CronWorkflow"): rule(
        when(SUSPENDED, Has("spec.suspend")),
        when(DEGRADED, Says("SpecError"), Says("SubmissionError")),
        otherwise=HEALTHY,
    ),
    # https://argoproj.github.io/argo-events/
    ("argoproj.io", "EventSource"): rule(when(DEGRADED, Says("SourcesProvided", "False")), when(HEALTHY, Says("Deployed"))),
    ("argoproj.io", "Sensor"): rule(
        when(DEGRADED, Says("DependenciesProvided", "False"), Says("TriggersProvided", "False")),
        when(HEALTHY, Says("Deployed")),
    ),
    ("argoproj.io", "EventBus"): rule(when(DEGRADED, Says("Configured", "False")), when(HEALTHY, Says("Deployed"))),
    # https://tekton.dev/docs/pipelines/pipelineruns/#monitoring-execution-status
    ("tekton.dev", "PipelineRun"): _RUN,
    ("tekton.dev", "TaskRun"): _RUN,
    ("tekton.dev", "CustomRun"): _RUN,
    # https://docs.flagger.app/usage/how-it-works#canary-status ; it waits for a webhook by which people confirm
    ("flagger.app", "Canary"): rule(
        when(HEALTHY, Has("status.phase", ("Initialized", "Succeeded"))),
        when(SUSPENDED, Has("status.phase", ("Waiting", "WaitingPromotion"), because="status.conditions.message")),
        when(DEGRADED, Has("status.phase", ("Failed",), because="status.conditions.message")),
    ),
    # https://openkruise.io/rollouts/introduction
    ("rollouts.kruise.io", "Rollout"): rule(
        when(HEALTHY, Has("status.phase", ("Healthy",))),
        when(
            SUSPENDED,
            Has("status.phase", ("Disabled",)),
            Has("status.canaryStatus.currentStepState", ("StepPaused",)),
            Has("status.blueGreenStatus.currentStepState", ("StepPaused",)),
        ),
    ),
    # https://numaflow.numaproj.io/
    ("numaflow.numaproj.io", "InterStepBufferService"): _FLOWING,
    ("numaflow.numaproj.io", "MonoVertex"): _FLOWING,
    ("numaflow.numaproj.io", "Pipeline"): _FLOWING,
}

STATIC = {
    "argoproj.io": ("AnalysisTemplate", "AppProject", "ClusterAnalysisTemplate", "ClusterWorkflowTemplate", "WorkflowTemplate"),
    "notification.toolkit.fluxcd.io": ("Alert", "Provider"),
    "tekton.dev": ("ClusterTask", "Pipeline", "StepAction", "Task"),
    "triggers.tekton.dev": ("ClusterInterceptor", "ClusterTriggerBinding", "Trigger", "TriggerBinding", "TriggerTemplate"),
}
"""No controller says anything of these."""
