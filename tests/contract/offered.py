"""What the sandbox does not offer, and why. A test that needs it says so: `@not_offered("name")`.

Such a test has to fail on the sandbox, and passes on the real control plane; so this table can be neither too long nor too short.
"""

from collections.abc import Mapping

import pytest

NOT_OFFERED: Mapping[str, str] = {
    "old versions of built-in kinds": "each kind is served at the version that is preferred, since there is no conversion",
    "rights": "there is one user, who may do everything; no RBAC, no impersonation",
    "validation rules": "rules in CEL are stored and never evaluated",
    "quotas and limits": "ResourceQuotas and LimitRanges are stored and have no effect",
    "schemas of definitions": "a CustomResourceDefinition is taken with whatever schema it has",
    "generations that nothing explains": "the real server takes nil and an empty list of a NetworkPolicy for different, and writes it",
    "rare kinds": "kinds that hardly anybody keeps in Git (certificates, flow control, dynamic resources, API services) are not served",
    "pods/resize": "no pod here has resources that anybody could change",
    "admission policies": "they are stored and never evaluated; evaluating CEL is as much work as the rest of the sandbox",
}


def not_offered(name: str) -> pytest.MarkDecorator:
    """Marks a test of a behaviour that the sandbox does not have.

    Raises:
        KeyError: when the table does not list it.
    """
    assert NOT_OFFERED[name]
    return pytest.mark.not_offered(name)
