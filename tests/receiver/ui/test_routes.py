"""Which pages there are: each but the way in is behind the door."""

import re

import pytest

from receiver.app import create_app
from tests.servers.front_door import settings_of

ROOMS = ("/api/", "/webhooks/", "/healthz", "/readyz", "/metrics", "/openapi.json")
OPEN = {"/", "/login", "/logout", "/style.css"}


async def test_every_page_but_the_way_in_asks_who_is_there(valkey, keys, browser):
    app = create_app(settings_of(keys), valkey.url)
    pages = {resource.canonical for resource in app.router.resources() if not resource.canonical.startswith(ROOMS)}
    assert pages > OPEN
    for path in pages - OPEN:
        assert (await browser.get(re.sub(r"{\w+}", "x", path))).status == 401


@pytest.mark.parametrize("path", ["/login", "/style.css"])
async def test_the_way_in_is_open(browser, path):
    assert (await browser.get(path)).status == 200


async def test_browsers_may_keep_the_style_sheet(browser):
    assert (await browser.get("/style.css")).headers["Cache-Control"] == "public, max-age=86400"
