"""Certificates and secrets: cert-manager, External Secrets, Sealed Secrets, Vault, Keycloak."""

from reconciler.health.clauses import DEGRADED, HEALTHY, PROGRESSING, Has, Says, rule, when

_ISSUER = rule(
    when(HEALTHY, Says("Ready")),
    when(PROGRESSING, Says("Ready", "False", ("ErrGetKeyPair",))),  # its secret is often a certificate of the same commit
    when(DEGRADED, Says("Ready", "False")),
)

_ACME = rule(
    when(HEALTHY, Has("status.state", ("valid",))),
    when(DEGRADED, Has("status.state", ("invalid", "expired", "errored"), because="status.reason")),
)

_EXTERNAL = rule(when(HEALTHY, Says("Ready")), when(DEGRADED, Says("Ready", "False")))

_VAULT_ACCESS = rule(
    when(HEALTHY, Has("status.valid", ("true",))),
    when(DEGRADED, Has("status.valid", ("false",), because="status.error")),
)

_VAULT_SECRET = rule(
    when(DEGRADED, Says("SecretSynced", "False"), Says("Healthy", "False")),
    when(HEALTHY, Says("SecretSynced"), Has("status.lastGeneration")),
)

RULES = {
    # https://cert-manager.io/docs/reference/api-docs/
    ("cert-manager.io", "Certificate"): rule(
        when(HEALTHY, Says("Ready")),
        when(DEGRADED, Says("Issuing", "False", ("Failed",)), Says("Ready", "False", ("Expired",))),
    ),
    ("cert-manager.io", "CertificateRequest"): rule(
        when(HEALTHY, Says("Ready")),
        when(DEGRADED, Says("Denied"), Says("InvalidRequest"), Says("Ready", "False", ("Failed", "Denied"))),
    ),
    ("cert-manager.io", "Issuer"): _ISSUER,
    ("cert-manager.io", "ClusterIssuer"): _ISSUER,
    ("acme.cert-manager.io", "Order"): _ACME,
    ("acme.cert-manager.io", "Challenge"): _ACME,
    ("trust.cert-manager.io", "Bundle"): rule(
        when(HEALTHY, Says("Synced")),
        when(PROGRESSING, Says("Synced", "False", ("SourceNotFound",))),
        when(DEGRADED, Says("Synced", "False")),
    ),
    # https://external-secrets.io/latest/api/spec/
    ("external-secrets.io", "ExternalSecret"): _EXTERNAL,
    ("external-secrets.io", "PushSecret"): _EXTERNAL,
    ("external-secrets.io", "SecretStore"): _EXTERNAL,
    ("external-secrets.io", "ClusterSecretStore"): _EXTERNAL,
    # https://github.com/bitnami-labs/sealed-secrets
    ("bitnami.com", "SealedSecret"): rule(when(HEALTHY, Says("Synced")), when(DEGRADED, Says("Synced", "False"))),
    # https://developer.hashicorp.com/vault/docs/deploy/kubernetes/vso/api-reference
    ("secrets.hashicorp.com", "VaultConnection"): _VAULT_ACCESS,
    ("secrets.hashicorp.com", "VaultAuth"): _VAULT_ACCESS,
    ("secrets.hashicorp.com", "VaultPKISecret"): _VAULT_ACCESS,
    ("secrets.hashicorp.com", "VaultStaticSecret"): _VAULT_SECRET,
    ("secrets.hashicorp.com", "VaultDynamicSecret"): _VAULT_SECRET,
    # https://www.keycloak.org/operator/basic-deployment
    ("k8s.keycloak.org", "Keycloak"): rule(when(HEALTHY, Says("Ready")), when(DEGRADED, Says("HasErrors"))),
    ("k8s.keycloak.org", "KeycloakRealmImport"): rule(
        when(HEALTHY, Says("Done")), when(DEGRADED, Says("HasErrors")), when(PROGRESSING, Says("Started"))
    ),
    # https://bank-vaults.dev/docs/operator/
    ("vault.banzaicloud.com", "Vault"): rule(when(HEALTHY, Says("Healthy"))),
}

STATIC = {
    "generators.external-secrets.io": ("*",),
}
"""No controller says anything of these."""
