"""One file a sentence: tests/fixtures/explain/<case>.yaml. Its first document is the unhealthy one, the rest what the cluster has."""

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from reconciler.health.reasons import BETWEEN, Evidence, explain, newest, pods_of, selector_of

FILES = sorted((Path(__file__).parents[2] / "fixtures" / "explain").glob("*.yaml"))


def evidence(documents):
    """What would be gathered of these documents."""
    document, *others = documents
    kinds = defaultdict(list)
    for other in others:
        kinds[other["kind"]].append(other)
    events = defaultdict(list)
    for event in kinds["Event"]:
        events[event["involvedObject"]["uid"]].append(event)
    wanted = BETWEEN.get((document["apiVersion"].rpartition("/")[0], document["kind"]))
    between = newest(document, kinds[wanted[1]]) if wanted else None
    return Evidence(document, between, pods_of(between or document, kinds["Pod"]), events)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_sentence(file):
    text = file.read_text()
    head = yaml.safe_load(text.splitlines()[0].removeprefix("# "))
    assert explain(evidence(yaml.safe_load_all(text))) == head["sentence"]


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        pytest.param({"matchLabels": {"app": "web", "tier": "front"}}, "app=web,tier=front", id="labels"),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}, "app in (web,api)", id="In"),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]}, "app notin (db)", id="NotIn"),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, "app", id="Exists"),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, "!app", id="DoesNotExist"),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "Near"}]}, "", id="an operator that is not known"),
        pytest.param({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}]},
                     "app=web,!old", id="both"),
        pytest.param({"app": "web"}, "app=web", id="of a ReplicationController"),
        pytest.param({}, "", id="none"),
    ],
)  # fmt: skip
def test_a_selector_as_the_api_takes_it(selector, text):
    assert selector_of({"spec": {"selector": selector}}) == text
