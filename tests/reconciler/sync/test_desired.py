"""Who desires what, and that no object is desired twice."""

import pytest

from reconciler.errors import Stalled
from reconciler.model.declared import Application, Destination, Name
from reconciler.model.objects import Manifest, ObjectKey
from reconciler.model.outcome import Revision
from reconciler.sync.desired import Desired, Rendering

WEB = ObjectKey("apps", "Deployment", "shop", "web")
API = ObjectKey("apps", "Deployment", "shop", "api")


def rendering(name: str, *keys: ObjectKey) -> Rendering:
    application = Application(Name("trueup", name), (), Destination("in-cluster", "shop"))
    return Rendering(application, Revision("", "0" * 40), {key: Manifest(key, "apps/v1", b"{}", "v1:0") for key in keys})


def test_an_object_belongs_to_the_application_that_declares_it():
    desired = Desired()
    desired.put(rendering("shop", WEB, API))
    found = desired.declares(WEB)
    assert found is not None
    assert found.application.name == Name("trueup", "shop")


def test_an_application_that_was_not_rendered_desires_nothing():
    desired = Desired()
    assert desired.of(Name("trueup", "shop")) is None
    assert desired.declares(WEB) is None


def test_a_new_rendering_replaces_the_old_one():
    desired = Desired()
    desired.put(rendering("shop", WEB, API))
    desired.put(rendering("shop", API))
    assert desired.declared_by(WEB) == ()
    assert desired.declared_by(API) == (Name("trueup", "shop"),)


def test_an_object_declared_twice_stalls_both_and_names_both():
    desired = Desired()
    desired.put(rendering("shop", WEB))
    desired.put(rendering("cart", WEB, API))
    for name in ("shop", "cart"):
        with pytest.raises(Stalled, match="shop/Deployment/web is declared by trueup/cart and trueup/shop"):
            desired.refuse_conflicts(Name("trueup", name))
    assert desired.declares(WEB) is None


def test_the_conflict_ends_when_one_lets_go():
    desired = Desired()
    desired.put(rendering("shop", WEB))
    desired.put(rendering("cart", WEB))
    desired.forget(Name("trueup", "cart"))
    desired.refuse_conflicts(Name("trueup", "shop"))
    assert list(desired) == [Name("trueup", "shop")]
