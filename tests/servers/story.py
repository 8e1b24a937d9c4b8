"""A server that tells a prepared story, for commands that ask a running Trueup; it runs in a thread, as each has its own loop."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web


class Story:
    """A server that answers each address with the next of its prepared answers, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, object]]] = {}
        self.seen: list[tuple[str, str, str]] = []
        self.bodies: list[str] = []
        self.url = ""

    def tell(self, method: str, path: str, *answers: object, status: int = 200) -> None:
        self.answers[method, path] = [(status, answer) for answer in answers]

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, request.path_qs, request.headers.get("Authorization", "")))
        self.bodies.append(await request.text())
        answers = self.answers.get((request.method, request.path))
        if not answers:
            return web.json_response({"title": "Not Found"}, status=404)
        status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, str):
            return web.Response(text=answer, status=status, content_type="text/html")
        return web.json_response(answer, status=status)


@pytest.fixture
def story() -> Iterator[Story]:
    """A server that answers whatever it is told to."""
    told, started, loop = Story(), threading.Event(), asyncio.new_event_loop()

    async def serve() -> web.AppRunner:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", told.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = None

    def main() -> None:
        nonlocal runner
        runner = loop.run_until_complete(serve())
        loop.call_soon(started.set)
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=main)
    thread.start()
    started.wait(5)
    yield told
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
