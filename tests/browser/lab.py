"""A real JupyterLab on a folder of notebooks, and one of its notebooks in a real browser."""

import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from medtutor.training.processes import slowness

START_SECONDS = 60
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# --no-sandbox: as root, and in containers, Chromium does not start with it.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# From the key to the new pixels, in the page's own time.
STAMPS = """picture => {
  window.stamps = {pressed: 0, waits: []};
  document.addEventListener('keydown', () => { window.stamps.pressed = performance.now(); }, true);
  const box = picture.closest('.widget-html, .jupyter-widgets');
  new MutationObserver(async () => {
    const image = box.querySelector('img');
    if (!image || !window.stamps.pressed) return;
    const pressed = window.stamps.pressed;
    window.stamps.pressed = 0;
    await image.decode();
    window.stamps.waits.push(performance.now() - pressed);
  }).observe(box, {childList: true, subtree: true, attributes: true});
}"""
# Without these, Lab asks about news and kernels, and keeps only the cells on the screen in the page.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True, "windowingMode": "none"},
}


def chromium():
    """The path of a Chromium, or None; `MEDTUTOR_BROWSER` comes first."""
    wanted = [os.environ.get("MEDTUTOR_BROWSER"), *PROGRAMS]
    return next((found for name in wanted if name and (found := shutil.which(name))), None)


def missing():
    """What browser tests lack here and how to get it, in one sentence; "" where nothing is."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no playwright; get it with: pip install playwright"
    if chromium() is None:
        return "no Chromium; get it with: apt-get install chromium (or set MEDTUTOR_BROWSER to a browser's path)"
    return ""


class JupyterLab:
    """A server on `folder`, with settings, history and home of its own; ends with `stop`.

    home      an empty folder for all that Jupyter writes
    settings  overrides of Lab's settings, on top of `SETTINGS`
    """

    def __init__(self, folder, home, settings=None):
        self.folder, self.home, self.token = Path(folder), Path(home), secrets.token_hex(16)
        config = self.home / "config" / "labconfig"
        config.mkdir(parents=True)
        (config / "default_setting_overrides.json").write_text(json.dumps({**SETTINGS, **(settings or {})}))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(self.home / "server.log", "wb")
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.folder}",
            "--LabApp.extension_manager=readonly",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        self.process = subprocess.Popen(
            command, env=self._environment(), stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )
        self._wait()

    def _environment(self):
        """The user's environment without their files: no settings, no data, so every set is a phantom."""
        environment = {key: value for key, value in os.environ.items() if key not in ("MEDTUTOR_DATA", "MPLBACKEND")}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
        environment["HOME"] = str(self.home)
        for name, part in {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }.items():
            environment[name] = str(self.home / part)
        return environment

    def _wait(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/api/status?token={self.token}", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"JupyterLab did not start:\n{(self.home / 'server.log').read_text()[-3000:]}")

    def stop(self):
        """End the server and its kernels."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()

    def end_kernels(self):
        """End what runs in every notebook: a kernel keeps half a gigabyte until it is told to go."""
        for session in self._ask("/api/sessions"):
            self._ask(f"/api/sessions/{session['id']}", method="DELETE")

    def _ask(self, path, method="GET"):
        """The server's answer from JSON, or None where it has none."""
        request = urllib.request.Request(
            f"{self.url}{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def write(self, name, *cells, shown=None):
        """Write a notebook of code cells into the folder; its name.

        shown  a MIME bundle that stands there as the output of the last cell, as in a
               notebook that was run elsewhere
        """
        listed = [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
            for i, cell in enumerate(cells)
        ]
        if shown:
            listed[-1]["outputs"] = [{"output_type": "display_data", "data": shown, "metadata": {}}]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
        notebook = {"cells": listed, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / name).write_text(json.dumps(notebook))
        return name


# The indicator says "idle" before there is a kernel at all; "Run All" then does nothing, silently.
READY = """() => {
  const panel = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)');
  if (!panel) return false;
  const kernel = panel.querySelector('.jp-KernelName');
  const indicator = panel.querySelector('.jp-Notebook-ExecutionIndicator');
  return kernel && kernel.innerText.trim() !== 'No Kernel' && indicator && indicator.dataset.status === 'idle';
}"""
# Every code cell has a number: it is neither waiting nor running.
RAN = """() => {
  const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(p => p.innerText.trim());
  return prompts.length && prompts.every(text => /^\\[\\d+\\]:?$/.test(text));
}"""
FOCUSED = "element => element === document.activeElement || element.contains(document.activeElement)"


class NotebookPage:
    """One notebook, open in JupyterLab in a browser page.

    problems  errors of the console and of scripts
    offsite   addresses outside this machine that the page asked for, and did not get
    """

    def __init__(self, page, server):
        self.page, self.server = page, server
        self.problems, self.offsite = [], []
        page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.context.route("**/*", self._gate)

    def _gate(self, route):
        address = route.request.url
        if address.startswith((self.server.url, "data:", "blob:")):
            route.continue_()
        else:
            self.offsite.append(address)
            route.abort()

    def open(self, name):
        self.page.goto(f"{self.server.url}/lab/tree/{name}?token={self.server.token}&reset")
        self.page.wait_for_function(READY, timeout=60_000)
        return self

    def run_all(self, timeout=60):
        """Run every cell, and wait until the last has its number. `timeout` in seconds of the reference machine."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        self.page.wait_for_function(RAN, timeout=timeout * slowness() * 1000)
        return self

    @property
    def output(self):
        """What the cells have shown."""
        return self.page.locator(".jp-OutputArea-output")

    def picture(self, alt):
        """The `<img>` whose alt text matches a regular expression; it must be the only one."""
        return self.output.get_by_alt_text(re.compile(alt))

    def phantom_pictures(self, *alts):
        """The same for several, shown by now and said to be of phantoms."""
        pictures = [self.picture(alt) for alt in alts]
        for picture in pictures:
            picture.wait_for()
            assert picture.get_attribute("alt").startswith("Phantom images")
        return pictures

    def control(self, description):
        """The widget with this description: the box around the label and what is operated."""
        label = self.page.locator(".widget-label, .jupyter-widgets > label").get_by_text(description, exact=True)
        return (
            self.page.locator(".jupyter-widgets.widget-inline-hbox, .jupyter-widgets.widget-hbox")
            .filter(has=label)
            .last
        )

    def focus(self, control):
        """Put the focus where a user left off: on what is operated in a control."""
        control.locator("select, input, button, .noUi-handle").first.focus()

    def tab_to(self, target, limit=60):
        """Press Tab until the focus is in `target`: reachable by keyboard, or an `AssertionError`."""
        for _ in range(limit):
            if target.evaluate(FOCUSED):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{limit} times Tab did not reach {target}")

    def tab_from(self, start, target):
        """From one control to another with Tab alone."""
        self.focus(start)
        self.tab_to(target)

    def press(self, key, expected, timeout=10):
        """Press a key and wait for what it is to bring about; the seconds that took."""
        start = time.monotonic()
        self.page.keyboard.press(key)
        expected.first.wait_for(timeout=timeout * 1000)
        return time.monotonic() - start

    def latencies(self, picture, key, times):
        """Milliseconds from each press of a key to the picture that it brought."""
        self.page.wait_for_timeout(500)  # what was pressed before may still bring pictures
        picture.evaluate(STAMPS)
        for number in range(times):
            self.page.keyboard.press(key)
            self.page.wait_for_function("n => window.stamps.waits.length >= n", arg=number + 1, timeout=10_000)
        waits = self.page.evaluate("window.stamps.waits")
        self.page.wait_for_timeout(500)  # a slider may still hold its newest value back
        return waits

    def choose(self, steps):
        """In the list that has the focus, choose the option so many below the present one.

        Space first: JupyterLab takes a bare arrow key for itself and goes to the next cell.
        """
        for key in ("Space", *["ArrowDown"] * steps, "Enter"):
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(100)  # the list opens in a window of its own

    def check(self):
        """No traceback, no broken widget, no console error, nothing asked of another machine."""
        errors = self.page.locator('[data-mime-type="application/vnd.jupyter.error"], .jupyter-widgets-error-widget')
        assert errors.count() == 0, errors.first.inner_text()
        assert "Click to show javascript error" not in self.page.locator("body").inner_text()
        assert self.problems == []
        assert self.offsite == []


def png(source):
    """The bytes of a `data:image/png` address."""
    head, _, data = source.partition(",")
    assert head == "data:image/png;base64"
    return base64.b64decode(data)
