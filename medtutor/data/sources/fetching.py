"""`fetch(url, path, md5)`: one file from the network, whole and checked.

pooch does the work: it writes to a temporary file, checks the MD5, and only then
moves the file to its name. So whatever stands under the final name is whole.
Added here: a folder for the temporary file, so that what a kill leaves is known as
ours; which failures are worth another try; and errors that say what to do.
"""

import errno
import os
import shutil
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from filelock import FileLock
from tqdm import tqdm
from urllib3.exceptions import MaxRetryError

from ...errors import FetchError
from ...files import alone, resolve

RETRIES = 3
TIMEOUT = (5, 30)  # seconds to connect, seconds between two pieces of the answer

# pooch tells of every download; the progress bar does that here.
pooch.get_logger().setLevel("WARNING")


def fetch(url: str, path: str | PathLike, md5: str, *, progress: bool = True) -> Path:
    """Fetch the file at `url` to `path`, unless it is there already; its path.

    url       http or https address
    path      where the file shall stand; its folder is created
    md5       the file's MD5; a file there with another one is replaced
    progress  show a bar in bytes on stderr

    A busy server, a cut connection and a wrong MD5 are tried again, `RETRIES`
    times. Two processes that want one file fetch it once.

    Raises `FetchError` where the file cannot be had or cannot be written. Then,
    as after an interrupt, no part of the file is left behind; what a kill leaves
    goes with the next fetch.
    """
    target = resolve(path).absolute()
    host, attempts = urlsplit(url).netloc, f"{RETRIES + 1} attempts"
    download = _Download(url, target, progress)
    try:
        if target.is_file() and pooch.file_hash(str(target), alg="md5") == md5:
            return target  # before the lock: the folder may be read-only
        target.parent.mkdir(parents=True, exist_ok=True)
        with alone(FileLock(target.with_name(f".{target.name}.lock"))):
            _fetch_alone(url, target, md5, download)
    except requests.RequestException as error:
        cause = "the connection was cut" if error.response is None else f"HTTP {error.response.status_code}"
        raise FetchError(
            f"{target.name} did not arrive from {host} in {attempts} ({cause}); try again later, or {download.by_hand}"
        ) from error
    except ValueError as error:  # pooch's word for a wrong MD5
        raise FetchError(
            f"what {host} sends is not the published {target.name} (wrong MD5 in {attempts}); "
            "try again later, or from another network"
        ) from error
    except OSError as error:  # below RequestException, which is an OSError too
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = f"with {download.bytes // 10**6 + 1} MB free" if full else "that you can write to"
        raise FetchError(
            f"cannot write {target.name} to {target.parent} ({error.strerror or error}); "
            f"set MEDTUTOR_DATA to a folder {remedy}"
        ) from error
    return target


def first_folder(folders: Sequence[Path]) -> Path:
    """The folder to fetch to. Raises `FetchError` where there is none."""
    if not folders:
        raise FetchError(
            "there is no home folder to fetch images to; set MEDTUTOR_DATA to a folder that can be written"
        )
    return folders[0]


def _fetch_alone(url, path, md5, download):
    """`fetch` for whoever holds the lock: no other process works on this file."""
    if path.is_file() and pooch.file_hash(str(path), alg="md5") == md5:
        return  # another process was faster
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
    try:
        part.mkdir()
        files = pooch.create(
            part, "", registry={path.name: f"md5:{md5}"}, urls={path.name: url}, retry_if_failed=RETRIES
        )
        files.fetch(path.name, downloader=download)
        os.replace(part / path.name, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


class _Download:
    """pooch's HTTP download with a bar, and an end where another try is vain.

    pooch tries again after a `ValueError` or a `RequestException`. A
    `FetchError` is neither, so it ends the attempts at once.
    """

    def __init__(self, url, path, progress):
        self.host = urlsplit(url).netloc
        self.name = path.name
        self.by_hand = f"download {url} in a browser and put it in {path.parent} as {path.name}"
        self.progress = progress
        self.answer = None
        self.bytes = 0  # the file's size, as the server says

    def __call__(self, url, temporary, _pooch):
        # pooch sets the bar's total, but only of a bar that is not empty: total=1.
        with tqdm(total=1, unit="B", unit_scale=True, desc=self.name, disable=not self.progress) as bar:
            http = pooch.HTTPDownloader(
                progressbar=bar,
                chunk_size=2**16,
                timeout=TIMEOUT,
                hooks={"response": self._check},
                # Bytes as they are, since the MD5 was taken of those. Zenodo slows down nameless clients.
                headers={"Accept-Encoding": "identity", "User-Agent": "medtutor"},
            )
            try:
                http(url, temporary, None)
            except requests.ConnectionError as error:
                if error.args and isinstance(error.args[0], MaxRetryError):  # never connected
                    raise FetchError(
                        f"cannot reach {self.host} to fetch {self.name}; connect to the network, or {self.by_hand}"
                    ) from error
                raise
            finally:
                if self.answer is not None:
                    self.answer.close()  # pooch leaves it open after a failure
        with open(temporary, "rb") as file:
            if file.read(64).lstrip().startswith(b"<"):
                raise self._web_page()
        # A temporary file is for its owner only; data are for all who share the folder.
        Path(temporary).chmod(0o644)

    def _check(self, answer, **_):
        """Look at an answer's headers before its body is read."""
        self.answer, status = answer, answer.status_code
        if 400 <= status < 500 and status != 429:  # 429: too many requests, so wait
            raise FetchError(
                f"{self.host} answered HTTP {status} for {self.name}: it may have moved; {self.by_hand}, "
                "or look for it where the data set is published"
            )
        if status == 200 and answer.headers.get("Content-Type", "").startswith("text/html"):
            raise self._web_page()
        self.bytes = int(answer.headers.get("Content-Length", 0))

    def _web_page(self):
        return FetchError(
            f"the server answered a web page instead of the file {self.name}, "
            f"perhaps to log in to the network; {self.by_hand}"
        )
