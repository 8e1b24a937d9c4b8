"""Links lead to our own pages only, also behind a proxy with a path of its own."""

from urllib.parse import urljoin

import pytest

from receiver.ui.links import local, root_of

FOREIGN = {
    "another site": "https://evil.example/",
    "without a scheme": "//evil.example/jobs",
    "three slashes": "///evil.example",
    "a backslash": "\\\\evil.example",
    "a slash and a backslash": "/\\evil.example",
    "a script": "javascript:alert(1)",
    "data": "data:text/html,x",
    "a page and a script": "jobs/javascript:alert(1)",
    "credentials": "https://trueup.example@evil.example/",
    "a page as host": "jobs.evil.example",
    "a page, then a host": "jobs@evil.example",
    "up": "../evil",
    "up behind a page": "jobs/../../evil",
    "up, encoded": "jobs/%2e%2e/evil",
    "a hidden name": "jobs/.git",
    "two slashes": "jobs//evil.example",
    "a slash before": "/jobs",
    "a new line": "jobs\r\nSet-Cookie: a=b",
    "a new line at the end": "jobs\n",
    "a tab": "jobs\t//evil.example",
    "a space before": " jobs",
    "a zero": "jobs\x00",
    "a fragment": "jobs#x",
    "the api": "api/v1/jobs",
    "the way out": "logout",
    "the way in": "login?next=jobs",
    "too deep": "jobs/1/2/3",
    "too long": "jobs?" + "a" * 1000,
    "other letters": "jobs/\u2170",
    "markup": 'jobs?"><script>',
    "empty": "",
}


@pytest.mark.parametrize("target", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_page_of_ours_is_the_list_of_jobs(target):
    assert local(target) == "jobs"


@pytest.mark.parametrize(
    "target",
    [
        "jobs", "jobs?state=failed&repository=trueup%2Fshop&next=17", "jobs/01m832s9v90eg4qd5rnekstmc6", f"commits/{'a' * 40}",
        "applications", "applications/trueup/my-app.v2", "commits/abc?repository=trueup/shop",
    ],
)  # fmt: skip
def test_pages_of_ours_are_kept(target):
    assert local(target) == target


@pytest.mark.parametrize("base", ["https://t.example", "https://t.example/tools/trueup"])
@pytest.mark.parametrize("path", ["/jobs", "/jobs/1", "/applications/trueup/web", "/login", "/", "/applications/a%2Fb/c"])
def test_wherever_a_page_is_its_links_stay_below_the_same_address(base, path):
    for target in (*FOREIGN.values(), "jobs/1"):
        assert urljoin(base + path, root_of(path) + local(target)).startswith(f"{base}/jobs")
