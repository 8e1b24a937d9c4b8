"""A receiver, and a browser before it."""

import aiohttp
import pytest

from tests.servers.browser import Browser


@pytest.fixture
async def browser(door):
    """Nobody has logged in yet; it keeps its cookies itself."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Browser(f"http://127.0.0.1:{door.port}", session)


@pytest.fixture
async def viewer(browser):
    """One that a viewer has logged in with."""
    assert (await browser.log_in()).status == 303
    return browser
