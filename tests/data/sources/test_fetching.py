"""`fetch` against a real server on this machine that answers by script."""

import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest

import medtutor
from medtutor.data.sources.fetching import RETRIES, fetch
from medtutor.errors import FetchError

BODY = b"PK\x03\x04" + bytes(range(256)) * 1000
MD5 = hashlib.md5(BODY).hexdigest()


def whole(handler, body=BODY, kind="application/octet-stream"):
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def without_length(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(BODY)


def cut(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(BODY[: len(BODY) // 2])


def hang_up(handler):
    """Close the connection without a word."""


def other_bytes(handler):
    whole(handler, BODY + b"!")


def status(code):
    def answer(handler):
        # Servers send their errors as web pages.
        handler.send_response(code)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(b"<html>")

    return answer


def moved(handler):
    handler.send_response(302)
    handler.send_header("Location", "/elsewhere")
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()


def html_by_type(handler):
    whole(handler, b"Please log in", "text/html; charset=utf-8")


def html_by_body(handler):
    whole(handler, b"\n<!DOCTYPE html><html>Please log in</html>")


@pytest.fixture
def server(monkeypatch):
    """Answers by `server.script`, the last answer for ever; counts in `server.asked`."""
    state = SimpleNamespace(script=[whole], asked=0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = state.script[min(state.asked, len(state.script) - 1)]
            state.asked += 1
            answer(self)

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state.url = f"http://127.0.0.1:{http.server_port}/set.npz"
    # A proxy of this machine's user must not stand between.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield state
    http.shutdown()
    http.server_close()


@pytest.fixture
def waits(monkeypatch):
    """The seconds that pooch would have waited before each retry."""
    waited = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "set.npz"


def nothing_left(path):
    return not path.parent.exists() or list(path.parent.iterdir()) == []


def failure(server, path, md5=MD5):
    """The message of the `FetchError`: one sentence, and no trace on disk."""
    with pytest.raises(FetchError) as raised:
        fetch(server.url, path, md5, progress=False)
    message = str(raised.value)
    assert ". " not in message and "\n" not in message
    assert nothing_left(path)
    return message


def test_fetches_into_a_new_folder(server, path):
    assert fetch(server.url, path, MD5, progress=False) == path
    assert path.read_bytes() == BODY
    assert os.listdir(path.parent) == ["set.npz"]
    assert server.asked == 1


def test_others_may_read_what_was_fetched(server, path):
    fetch(server.url, path, MD5, progress=False)
    assert path.stat().st_mode & 0o444 == 0o444


def test_file_already_there_is_not_fetched(server, path):
    fetch(server.url, path, MD5, progress=False)
    fetch(server.url, path, MD5, progress=False)
    assert server.asked == 1


def test_damaged_file_is_replaced(server, path):
    path.parent.mkdir()
    path.write_bytes(BODY[:100])
    fetch(server.url, path, MD5, progress=False)
    assert path.read_bytes() == BODY


def test_damaged_file_stays_when_no_better_one_can_be_had(server, path, waits):
    path.parent.mkdir()
    path.write_bytes(BODY[:100])
    server.script = [cut]
    with pytest.raises(FetchError):
        fetch(server.url, path, MD5, progress=False)
    assert os.listdir(path.parent) == ["set.npz"]


def test_follows_a_redirect(server, path):
    server.script = [moved, whole]
    fetch(server.url, path, MD5, progress=False)
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("progress", [True, False])
def test_answer_without_a_length(server, path, progress):
    server.script = [without_length]
    fetch(server.url, path, MD5, progress=progress)
    assert path.read_bytes() == BODY


@pytest.mark.parametrize(
    "script, retries",
    [
        ([cut, whole], 1),
        ([hang_up, whole], 1),
        ([status(503), status(503), whole], 2),
        ([status(429), whole], 1),
        ([other_bytes, cut, status(500), whole], 3),
    ],
    ids=["cut", "hang up", "503", "429", "three kinds"],
)
def test_passing_trouble_is_tried_again(server, path, waits, script, retries):
    server.script = script
    fetch(server.url, path, MD5, progress=False)
    assert path.read_bytes() == BODY
    assert os.listdir(path.parent) == ["set.npz"]
    assert server.asked == retries + 1
    assert len(waits) == retries and sum(waits) <= 6


@pytest.mark.parametrize(
    "answer, words",
    [
        (cut, ["connection was cut", "try again later", "in a browser"]),
        (hang_up, ["connection was cut", "in a browser"]),
        (status(503), ["HTTP 503", "try again later", "in a browser"]),
        (other_bytes, ["wrong MD5", "not the published set.npz", "try again later"]),
    ],
    ids=["cut", "hang up", "503", "wrong MD5"],
)
def test_lasting_trouble_ends_after_the_retries(server, path, waits, answer, words):
    server.script = [answer]
    message = failure(server, path)
    assert server.asked == RETRIES + 1
    assert "127.0.0.1" in message and "4 attempts" in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("answer", [html_by_type, html_by_body], ids=["content type", "first bytes"])
def test_web_page_instead_of_the_file(server, path, waits, answer):
    server.script = [answer]
    message = failure(server, path)
    assert "answered a web page instead of the file set.npz" in message
    assert f"download {server.url} in a browser and put it in {path.parent} as set.npz" in message
    assert server.asked == 1


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_refusal_is_not_tried_again(server, path, waits, code):
    server.script = [status(code)]
    message = failure(server, path)
    assert f"HTTP {code}" in message and "in a browser" in message
    assert server.asked == 1


def test_nobody_listens(path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # Bound but not listening: the port is taken, and connections are refused.
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/set.npz"
        start = time.monotonic()
        message = failure(SimpleNamespace(url=url), path)
    assert time.monotonic() - start < 1
    assert "cannot reach 127.0.0.1" in message and "connect to the network" in message
    assert str(path.parent) in message


def test_name_of_the_server_is_unknown(path, monkeypatch):
    def no_network(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("socket.getaddrinfo", no_network)
    start = time.monotonic()
    message = failure(SimpleNamespace(url="https://zenodo.org/set.npz"), path)
    assert time.monotonic() - start < 1
    assert "cannot reach zenodo.org" in message


def test_folder_that_cannot_be(server, tmp_path):
    (tmp_path / "taken").write_text("a file")
    path = tmp_path / "taken" / "folder" / "set.npz"
    with pytest.raises(FetchError, match="MEDTUTOR_DATA") as raised:
        fetch(server.url, path, MD5, progress=False)
    assert str(path.parent) in str(raised.value)
    assert server.asked == 0


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_folder_that_may_not_be_written(server, path, monkeypatch, code):
    path.parent.mkdir()

    # The superuser may write anywhere, so the refusal is played.
    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("medtutor.data.sources.fetching.FileLock", refuse)
    message = failure(server, path)
    assert f"cannot write set.npz to {path.parent} ({os.strerror(code)})" in message
    assert "set MEDTUTOR_DATA to a folder that you can write to" in message


def test_good_file_in_a_folder_that_may_not_be_written(server, path, monkeypatch):
    path.parent.mkdir()
    path.write_bytes(BODY)
    monkeypatch.setattr("medtutor.data.sources.fetching.FileLock", None)
    assert fetch(server.url, path, MD5) == path
    assert server.asked == 0


def test_full_disk(server, path, monkeypatch):
    real = pooch.HTTPDownloader.__call__

    class FullAfterOneKilobyte:
        def __init__(self, name):
            self.file = open(name, "wb")

        def write(self, chunk):
            self.file.write(chunk[:1024])
            self.file.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(
        pooch.HTTPDownloader,
        "__call__",
        lambda self, url, name, files: real(self, url, FullAfterOneKilobyte(name), files),
    )
    message = failure(server, path)
    assert os.strerror(errno.ENOSPC) in message
    assert "set MEDTUTOR_DATA to a folder with 1 MB free" in message
    assert server.asked == 1


def test_bar_is_on_stderr_only(server, path, capfd):
    fetch(server.url, path, MD5, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "set.npz: 100%" in err and "256k/256k" in err and "B/s" in err


def test_no_bar_and_no_word_without_progress(server, path, waits, capfd):
    server.script = [cut, whole]
    fetch(server.url, path, MD5, progress=False)
    assert capfd.readouterr() == ("", "")


# One line in, one fetch, and the default answer to Ctrl-C, which a shell that
# runs the tests in the background takes away from its children.
PROCESS = """
import signal, sys
from medtutor.data.sources.fetching import fetch
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
sys.stdin.readline()
fetch(*sys.argv[1:])
"""


def start_process(url, path):
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, url, str(path), MD5],
        cwd=Path(medtutor.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(*processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def test_two_processes_fetch_once(server, path):
    def slow(handler):
        time.sleep(0.5)
        whole(handler)

    server.script = [slow]
    processes = [start_process(server.url, path) for _ in range(2)]
    go(*processes)
    for process in processes:
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    assert server.asked == 1
    assert path.read_bytes() == BODY
    assert os.listdir(path.parent) == ["set.npz"]


def test_interrupt_leaves_nothing(server, path):
    half, end = threading.Event(), threading.Event()

    def stall(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[: len(BODY) // 2])
        half.set()
        end.wait(30)

    server.script = [stall]
    process = start_process(server.url, path)
    go(process)
    assert half.wait(30)
    deadline = time.monotonic() + 30
    while not any(file.stat().st_size for file in path.parent.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    end.set()
    assert "KeyboardInterrupt" in err
    assert nothing_left(path)


def stalled(server):
    """A server that sends half the file and then nothing, until the event is set: (half is sent, end)."""
    half, end = threading.Event(), threading.Event()

    def stall(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[: len(BODY) // 2])
        half.set()
        end.wait(30)
        handler.wfile.write(BODY[len(BODY) // 2 :])

    server.script = [stall, whole]
    return half, end


def test_what_a_kill_leaves_goes_with_the_next_fetch(server, path):
    """And files of others that look alike stay."""
    half, end = stalled(server)
    process = start_process(server.url, path)
    go(process)
    assert half.wait(30)
    process.kill()
    process.communicate(timeout=30)
    end.set()
    assert os.listdir(path.parent) != []
    others = ["tmpabcd1234", "tmp_of_mine", "notes.part", "set.npz.partial"]
    for name in others:
        (path.parent / name).write_text("mine")
    fetch(server.url, path, MD5, progress=False)
    assert sorted(os.listdir(path.parent)) == sorted(["set.npz", *others])


def test_what_a_living_process_fetches_stays(server, path):
    half, end = stalled(server)
    process = start_process(server.url, path)
    go(process)
    assert half.wait(30)
    # Another file of the same folder, meanwhile; and the same one, by who has to wait.
    fetch(server.url, path.with_name("other.npz"), MD5, progress=False)
    second = threading.Thread(target=fetch, args=(server.url, path, MD5), kwargs={"progress": False})
    second.start()
    second.join(0.3)
    assert second.is_alive()
    end.set()
    _, err = process.communicate(timeout=30)
    second.join(30)
    assert process.returncode == 0 and not second.is_alive(), err
    assert sorted(os.listdir(path.parent)) == ["other.npz", "set.npz"] and server.asked == 2
