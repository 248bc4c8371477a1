"""`medtutor explore`: the explorers of a run as a page without code, in Chromium."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

import medtutor as mt

pytestmark = pytest.mark.browser

SECONDS = 240  # until the first picture, on a busy machine


@pytest.fixture(scope="module")
def address(chrome, tmp_path_factory):
    """Where the explorers of a small run are served."""
    folder = tmp_path_factory.mktemp("explore")
    phantoms = mt.load("breastmnist", source="phantom")
    mt.fit(mt.build("cnn", phantoms, widths=(4, 8)), phantoms, mt.Recipe(epochs=1), progress=False).save(folder / "run")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "medtutor", "explore", str(folder / "run"), f"--port={port}", "--no-browser"]
    server = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}/"
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(30)


NAMES = ["attribution", "classification", "confidence", "features", "monitor", "reading"]


@pytest.mark.parametrize("width", [1200, 390], ids=["wide", "phone"])
def test_a_run_is_explored_without_code_and_without_a_request_elsewhere(chrome, address, axe, width, tmp_path):
    context = chrome.new_context(viewport={"width": width, "height": 1000})
    elsewhere, problems = [], []
    context.route(
        "**/*",
        lambda route: (
            route.continue_()
            if route.request.url.startswith((address, "data:", "blob:"))
            else (elsewhere.append(route.request.url), route.abort())
        ),
    )
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    _open(page, address)
    page.locator("img[alt]").first.wait_for(timeout=SECONDS * 1000)
    assert page.title() == "BreastMNIST"
    buttons = page.get_by_role("group", name="explorer").get_by_role("button")
    assert [button.inner_text() for button in buttons.all()] == NAMES
    assert [button.get_attribute("aria-pressed") for button in buttons.all()] == ["true"] + 5 * ["false"]
    page.evaluate(axe)
    for number, name in enumerate(NAMES):
        if number:  # by keyboard, from button to button; each explorer is made now
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
        else:
            buttons.first.focus()
        page.wait_for_function(
            "n => document.querySelectorAll('.medtutor h3').length === n", arg=number + 1, timeout=SECONDS * 1000
        )
        assert page.locator("h3:visible").count() == 1, name
        page.locator("img[alt]:visible").first.wait_for()
        page.wait_for_timeout(500)
        found = page.evaluate("axe.run(document.body, {runOnly: ['wcag2a', 'wcag2aa']})")
        faults = [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]]
        assert faults == [], name
        wide = page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert wide <= 0, f"{name} is {wide} pixels wider than the page"

    buttons.nth(1).click()
    picture = page.locator("img[alt*='hreshold']:visible").first
    picture.wait_for()
    before = picture.get_attribute("alt")
    page.locator(".noUi-handle:visible").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => [...document.querySelectorAll('img[alt]')].every(image => image.alt !== before)", arg=before
    )
    assert not elsewhere and not problems
    context.close()


def _open(page, address):
    """The server needs some seconds, and holds the page back until the notebook has begun."""
    for _ in range(SECONDS):
        try:
            page.goto(address, wait_until="commit", timeout=SECONDS * 1000)
            return
        except Exception as error:
            if "ERR_CONNECTION_REFUSED" not in str(error):
                raise
            time.sleep(1)
    raise AssertionError("the server did not start")
