"""A real Chromium, and a server with run files and a search that goes on when a test says so."""

import asyncio
import json
import shutil
import socket
import threading
import time

import pytest
from report.searches import SPECULATIVE, Checked, failed, large, run_file, small

from specreward.report.archive import Archive
from specreward.serve.live import LiveSearches
from specreward.types import Models

BINARIES = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"),
    # A page is neither kept for the way back nor given a process of its own: a third of the time.
    *("--disable-features=BackForwardCache", "--disable-site-isolation-trials", "--disable-gpu"),
    *("--disable-background-networking", "--disable-component-update"),
)
PATIENCE = 10.0


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests; each test starts with a blank page."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    from selenium.webdriver.chrome.service import Service

    missing = [name for name, path in BINARIES.items() if path is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)} (Debian packages chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = BINARIES["chromium"]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in ARGUMENTS:
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(BINARIES["chromedriver"]))
    driver.set_script_timeout(PATIENCE)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """The browser; after the test no page may have complained or asked another host."""
    chromium.get("about:blank")
    chromium.set_window_size(1360, 900)
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    yield Browser(chromium)
    complaints = [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
    assert not complaints
    messages = [json.loads(one["message"])["message"] for one in chromium.get_log("performance")]
    asked = {
        one["params"]["request"]["url"]
        for one in messages
        if one["method"] == "Network.requestWillBeSent"
    }
    own = ("file://", "http://127.0.0.1:", "data:", "blob:", "about:")
    assert {url for url in asked if not url.startswith(own)} == set()


class Browser:
    """What the tests do with a page."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, address):
        self.driver.get(address)
        self.wait("return document.getElementById('main').childElementCount > 0")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments):
        """Until a script says something true; returns what it said."""
        until = time.monotonic() + PATIENCE
        while not (found := self.run(script, *arguments)):
            assert time.monotonic() < until, f"never true: {script}"
            time.sleep(0.02)
        return found

    def timed(self, script, *arguments):
        """Milliseconds from before a script to the end of the frame that shows what it did."""
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1]; const begun = performance.now();"
            f"(function () {{ {script} }}).apply(null, arguments);"
            "requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun), 0));",
            *arguments,
        )

    def click(self, selector, text=None):
        """The first element that a selector finds and whose text begins so."""
        script = (
            "const found = [...document.querySelectorAll(arguments[0])].filter((one) => "
            "arguments[1] === null || one.textContent.trim().startsWith(arguments[1]));"
            "return found.length > 0 ? found[0] : null"
        )
        from selenium.common.exceptions import StaleElementReferenceException

        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.wait(script, selector, text).click()
            except StaleElementReferenceException:  # the page was being left
                assert time.monotonic() < until, f"never still: {selector}"

    def keys(self, *keys):
        """Typed where the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    @property
    def text(self):
        return self.run("return document.body.innerText")

    def rows(self):
        """The texts of the rows that are elements, from top to bottom."""
        return self.run(
            "return [...document.querySelectorAll('.space .row')].sort((a, b) => "
            "a.getBoundingClientRect().top - b.getBoundingClientRect().top)"
            ".map((row) => row.querySelector('.text').textContent)"
        )

    def active(self):
        """The text of the row that the keyboard is on."""
        return self.run(
            "const tree = document.querySelector('[role=tree]');"
            "const row = document.getElementById(tree.getAttribute('aria-activedescendant'));"
            "return row?.querySelector('.text').textContent ?? null"
        )


class Gated:
    """A strategy that takes one step each time that a test lets it."""

    def __init__(self, result):
        self.result = result
        self.gate = asyncio.Semaphore(0)

    async def __call__(self, problem, models):
        for parent, judgements in self.result.expansions:
            await self.gate.acquire()
            models.trace.record(parent, judgements)
        await self.gate.acquire()
        return self.result

    def select(self, candidates, models):
        return candidates[0] if candidates else None


class Server:
    """The viewer on a loopback port, in a thread with its own event loop."""

    def __init__(self, places, guard=()):
        fastapi = pytest.importorskip("fastapi", reason="needs the serve extra")
        uvicorn = pytest.importorskip("uvicorn", reason="needs the serve extra")
        from specreward.serve.viewer import router

        self.live = LiveSearches()
        self.archive = Archive(places, task=Checked())
        app = fastapi.FastAPI()
        app.include_router(router(self.live, self.archive, guard=guard))
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.loop = asyncio.new_event_loop()
        config = uvicorn.Config(
            app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=5
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.server.serve(sockets=[self.socket]))
        self.loop.close()

    def search(self, result, name="live"):
        """Start a search that waits at each step; returns the function that lets it take one."""
        strategy = Gated(result)
        watched = self.live.watch(strategy, id=name, name=SPECULATIVE)
        models = Models(task=Checked(), policy=None)
        asyncio.run_coroutine_threadsafe(watched(result.problem, models), self.loop)

        def step():
            self.loop.call_soon_threadsafe(strategy.gate.release)

        return step

    def close(self):
        self.live.close()
        self.server.should_exit = True
        self.thread.join()
        self.archive.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    results = [small("p1"), large(), failed(), small("p2")]
    return run_file(
        tmp_path_factory.mktemp("runs") / "demo", results, strategies=(SPECULATIVE, "cot()")
    )


@pytest.fixture(scope="session")
def server(folder):
    server = Server([folder])
    yield server
    server.close()
