"""Databases, queues and search: Strimzi, CloudNativePG, Zalando, Percona, MariaDB, ClickHouse, Atlas, MongoDB, RabbitMQ, Elastic."""

from reconciler.health.clauses import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Has, Says, rule, when

_PERCONA = rule(
    when(HEALTHY, Has("status.state", ("ready",))),
    when(SUSPENDED, Has("status.state", ("paused",))),
    when(DEGRADED, Has("status.state", ("error",), because="status.message")),
)

_MONGODB = rule(
    when(HEALTHY, Has("status.phase", ("Running",))),
    when(DEGRADED, Has("status.phase", ("Failed",), because="status.message")),
)

_CNPG_DECLARED = rule(
    when(HEALTHY, Has("status.applied", ("true",))),
    when(DEGRADED, Has("status.applied", ("false",), because="status.message")),
)

_CLICKHOUSE = rule(
    when(HEALTHY, Has("status.status", ("Completed",))),
    when(DEGRADED, Has("status.status", ("Aborted",), because="status.error")),
)

_ATLAS = rule(
    when(HEALTHY, Says("Ready")),
    when(PROGRESSING, Says("Ready", "False", ("Reconciling", "GettingDevDB"))),
    when(DEGRADED, Says("Ready", "False")),
)

_ELASTIC = rule(when(HEALTHY, Has("status.health", ("green",))))
"""Red is also what has no pod yet."""

RULES = {
    # https://strimzi.io/docs/operators/latest/configuring.html
    ("kafka.strimzi.io", "*"): rule(
        when(SUSPENDED, Says("ReconciliationPaused")),
        when(HEALTHY, Says("Ready")),
        when(PROGRESSING, Says("NotReady", "True", ("Creating",))),
        when(DEGRADED, Says("NotReady"), Says("Ready", "False")),
    ),
    ("kafka.strimzi.io", "KafkaNodePool"): rule(when(HEALTHY, Has("status.nodeIds"))),
    ("kafka.strimzi.io", "KafkaRebalance"): rule(
        when(DEGRADED, Says("NotReady")),
        when(SUSPENDED, Says("ProposalReady"), Says("Stopped")),  # a person approves it, or has stopped it
        when(HEALTHY, Says("Ready")),
    ),
    # https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/
    ("postgresql.cnpg.io", "Cluster"): rule(
        when(SUSPENDED, Has("metadata.annotations[cnpg.io/reconciliation]", ("disabled",)), Says("cnpg.io/hibernation")),
        when(HEALTHY, Has("status.phase", ("Cluster in healthy state",))),
        when(
            DEGRADED,
            Has(
                "status.phase",
                (
                    "Cluster cannot execute instance online upgrade due to missing architecture binary",
                    "Cluster cannot proceed to reconciliation due to an unknown plugin being required",
                    "Cluster has incomplete or invalid image catalog",
                    "Cluster is unrecoverable and needs manual intervention",
                    "Not enough disk space",
                    "Unable to create required cluster objects",
                    "Waiting for user action",
                ),
                because="status.phaseReason",
            ),
        ),
        when(PROGRESSING, Has("status.phase", because="status.phaseReason")),
    ),
    ("postgresql.cnpg.io", "Backup"): rule(
        when(HEALTHY, Has("status.phase", ("completed",))),
        when(DEGRADED, Has("status.phase", ("failed", "walArchivingFailing"), because="status.error")),
    ),
    ("postgresql.cnpg.io", "ScheduledBackup"): rule(when(SUSPENDED, Has("spec.suspend")), otherwise=HEALTHY),
    ("postgresql.cnpg.io", "Database"): _CNPG_DECLARED,
    ("postgresql.cnpg.io", "Publication"): _CNPG_DECLARED,
    ("postgresql.cnpg.io", "Subscription"): _CNPG_DECLARED,
    # https://github.com/zalando/postgres-operator, `pkg/apis/acid.zalan.do/v1/const.go`
    ("acid.zalan.do", "postgresql"): rule(
        when(HEALTHY, Has("status.PostgresClusterStatus", ("Running",))),
        when(DEGRADED, Has("status.PostgresClusterStatus", ("CreateFailed", "UpdateFailed", "SyncFailed", "Invalid"))),
    ),
    # https://docs.percona.com/percona-operators/
    ("pxc.percona.com", "PerconaXtraDBCluster"): _PERCONA,
    ("ps.percona.com", "PerconaServerMySQL"): _PERCONA,
    ("psmdb.percona.com", "PerconaServerMongoDB"): _PERCONA,
    ("pgv2.percona.com", "PerconaPGCluster"): _PERCONA,
    # https://github.com/mariadb-operator/mariadb-operator
    ("k8s.mariadb.com", "MariaDB"): rule(when(HEALTHY, Says("Ready")), when(DEGRADED, Says("Ready", "False", ("Failed",)))),
    # https://github.com/Altinity/clickhouse-operator
    ("clickhouse.altinity.com", "ClickHouseInstallation"): _CLICKHOUSE,
    ("clickhouse-keeper.altinity.com", "ClickHouseKeeperInstallation"): _CLICKHOUSE,
    # https://atlasgo.io/integrations/kubernetes
    ("db.atlasgo.io", "AtlasMigration"): _ATLAS,
    ("db.atlasgo.io", "AtlasSchema"): _ATLAS,
    # https://github.com/mongodb/mongodb-kubernetes
    ("mongodb.com", "MongoDB"): _MONGODB,
    ("mongodbcommunity.mongodb.com", "MongoDBCommunity"): _MONGODB,
    # https://www.rabbitmq.com/kubernetes/operator/using-operator
    ("rabbitmq.com", "RabbitmqCluster"): rule(
        when(DEGRADED, Says("ReconcileSuccess", "False")),
        when(HEALTHY, Says("AllReplicasReady")),
        when(PROGRESSING, Says("AllReplicasReady", "False")),
    ),
    # https://www.elastic.co/docs/deploy-manage/deploy/cloud-on-k8s ; yellow works, and is for ever what one node comes to
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): rule(
        when(DEGRADED, Has("status.phase", ("Invalid", "ResourceInvalid"))),
        when(PROGRESSING, Has("status.phase", ("ApplyingChanges", "MigratingData"))),
        when(HEALTHY, Has("status.health", ("green", "yellow"))),
        when(DEGRADED, Has("status.health", ("red",))),
    ),
    ("kibana.k8s.elastic.co", "Kibana"): _ELASTIC,
    ("apm.k8s.elastic.co", "ApmServer"): _ELASTIC,
    ("beat.k8s.elastic.co", "Beat"): _ELASTIC,
    ("agent.k8s.elastic.co", "Agent"): _ELASTIC,
    ("logstash.k8s.elastic.co", "Logstash"): _ELASTIC,
}

STATIC = {
    "postgresql.cnpg.io": ("ClusterImageCatalog", "ImageCatalog"),
}
"""No controller says anything of these."""
