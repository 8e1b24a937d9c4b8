"""Names end in their unit, and labels are few, closed and not Prometheus' own."""

import pytest

from jobs.metrics import REGISTRY

FAMILIES = list(REGISTRY.collect())
UNITS = ("seconds", "bytes", "objects", "clusters", "applications", "repositories")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_metric_is_named_after_what_it_counts(family):
    assert family.name.startswith("trueup_")
    assert family.type == "counter" or family.name.endswith(UNITS)
    assert family.documentation.endswith(".")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_label_is_one_that_prometheus_sets_or_that_grows_without_end(family):
    labels = {label for sample in family.samples for label in sample.labels}
    assert not labels & {"job", "instance", "application", "repository", "commit", "object"}
