"""A student's code in a room of its own: it is asked what its functions answer, and can do nothing else.

The room is bubblewrap's (Linux): another user, no network, no other process to be seen, nothing to write to but 64 MB
of memory that is gone afterwards, and of this machine only Python and its libraries. medtutor is not among them, so
neither references nor solutions can be read there; who grades holds them, outside, and compares.
"""

import json
import os
import pickle
import select
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from ..errors import MedtutorError

START, ROOM = 60, 64 * 2**20
# The most that is taken as one answer: all arrays together, and what is said of them.
BYTES, HEAD = 200_000_000, 10_000_000
NOBODY = "65534"
TMP = "/tmp"  # where a submission may write: a folder of the sandbox, not that of the machine
HERE = Path(__file__).resolve()


class Sandbox:
    """The cells of one submission, run; use it with `with`.

    cells    code, in order
    seconds  for which one question, or all cells together, may be thought about

    `failed` says of each cell that stopped with an error, by its number: (name, words). Raises `MedtutorError`
    where there is no bubblewrap, and where it cannot make its room here.
    """

    def __init__(self, cells, seconds=30):
        self.seconds, self.failed, self._cells = seconds, {}, list(cells)
        self.why = None  # it has ended, and how
        self._process, self._endless = None, False

    def __enter__(self):
        self._start()
        return self

    def _start(self):
        # What bubblewrap itself has to say is read where it does not even start.
        self._process = subprocess.Popen(
            command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        said, _ = self._read(START)
        if said is None:
            self.close()
            why = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            raise MedtutorError(
                f"bubblewrap could not start Python in a room of its own ({why[-1] if why else self.why}); grade on a"
                " Linux machine that allows user namespaces"
            )
        said, _ = self._ask("run", self._cells)
        try:
            failed = said["failed"].items() if said else ()
            self.failed = {int(number): (str(words[0])[:60], str(words[1])[:200]) for number, words in failed}
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # the cells have answered themselves
            said, self.why = None, "it ended itself"
            self.close()
        self._endless = said is None  # the cells themselves: asking again would not help

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End whatever still runs in there."""
        self._process.kill()
        self._process.wait()

    def function(self, name):
        """The function of that name as one that can be called out here; None where no cell defines it.

        Where the one before has ended all, everything begins anew: each function is judged for itself.
        """
        if self.why and not self._endless:
            self.close()
            time.sleep(1)  # what it has started is ended with it, but not at once
            self.why = None
            self._start()
        said, _ = self._ask("run", [f"assert callable({name})"])
        return None if said is None or said.get("failed") else Answer(self, name)

    def _ask(self, *message):
        """(what was said, arrays); (None, []) where nobody answers any more."""
        if self.why:
            return None, []
        asked = pickle.dumps(message)
        try:
            self._process.stdin.write(struct.pack("<q", len(asked)) + asked)
            self._process.stdin.flush()
            said, arrays = self._read(self.seconds)
        except OSError:
            self.why = "it ended itself"
            return None, []
        except BaseException:  # who asks has stopped waiting: what comes now would be taken for the next answer
            self.why = "it took too long"
            self.close()
            raise
        if said is None:
            self.close()
        return said, arrays

    def _read(self, seconds):
        """One message. Whatever is no message, too long or too late ends the conversation."""
        until = time.monotonic() + seconds
        try:
            said = json.loads(self._bytes(struct.unpack("<q", self._bytes(8, until))[0], until, HEAD))
            kinds = [(np.dtype(str(kind)), tuple(map(int, shape))) for kind, shape in said.pop("arrays")]
            if any(kind.kind not in "biufc" or min(shape, default=0) < 0 for kind, shape in kinds):
                raise ValueError("no numbers")
            arrays, left = [], BYTES
            for kind, shape in kinds:
                data = self._bytes(kind.itemsize * int(np.prod(shape, dtype=object)), until, left)
                left -= len(data)
                arrays.append(np.frombuffer(data, kind).reshape(shape).copy())
            return said, arrays
        except TimeoutError:
            self.why = f"it did not come to an end within {seconds} seconds"
        except (ValueError, TypeError, KeyError, AttributeError, struct.error, RecursionError, EOFError):
            self.why = "it ended itself, or took more memory or time than there is"
        return None, []

    def _bytes(self, count, until, most=8):
        if not 0 <= count <= most:
            raise ValueError("too long")
        found, stream = bytearray(), self._process.stdout.fileno()
        while len(found) < count:
            left = until - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise TimeoutError
            part = os.read(stream, min(count - len(found), 2**20))
            if not part:
                raise EOFError
            found += part
        return bytes(found)


class Answer:
    """A student's function, which is called in the sandbox."""

    def __init__(self, sandbox, name):
        self.sandbox, self.__name__ = sandbox, name

    def __call__(self, *inputs):
        gradients = any(isinstance(each, torch.Tensor) and each.requires_grad for each in inputs)
        said, arrays = self._asked("call", self.__name__, [_detached(each) for each in inputs], gradients)
        if said["changed"]:
            _change(inputs)
        tensors = [torch.from_numpy(each) for each in arrays]
        if gradients and any(said["flows"]):
            leaves = [each for each in inputs if isinstance(each, torch.Tensor) and each.is_floating_point()]
            tensors = list(_Asked.apply(self, tensors, said["flows"], *leaves))
        return _value(said["tree"], tensors, arrays)

    def _asked(self, *message):
        said, arrays = self.sandbox._ask(*message)
        if said is None:
            raise RuntimeError(f"your code was stopped: {self.sandbox.why}. Does a loop never end?")
        if "error" in said:
            name, words, line = said["error"]
            if name == "NotImplementedError" and not words:
                raise NotImplementedError
            raise type(str(name)[:60], (Exception,), {})(f"{words} (line {line} of its cell)" if line else words)
        return said, arrays


class _Asked(torch.autograd.Function):
    """Tensors whose gradients the sandbox knows."""

    @staticmethod
    def forward(ctx, answer, tensors, flows, *leaves):
        ctx.answer, ctx.leaves = answer, len(leaves)
        ctx.mark_non_differentiable(*(each for each, flow in zip(tensors, flows) if not flow))
        return tuple(tensors)

    @staticmethod
    def backward(ctx, *weights):
        said, arrays = ctx.answer._asked("backward", weights)
        found = iter(arrays)
        gradients = [None if none else torch.from_numpy(next(found)) for none in said["none"]]
        return (None, None, None, *(gradients + [None] * ctx.leaves)[: ctx.leaves])


def _detached(value):
    return value.detach() if isinstance(value, torch.Tensor) else value


def _change(inputs):
    """What was changed in there is changed out here, where it is looked for."""
    for value in inputs:
        if isinstance(value, torch.Tensor) and value.numel():
            value.data.view(-1)[0] += 1
        elif isinstance(value, np.ndarray) and value.size:
            value.reshape(-1)[0] += 1


def _value(tree, tensors, arrays):
    if not isinstance(tree, dict):
        return tree
    if "..." in tree:
        return ...
    if "number" in tree:
        return int(tree["number"]) if tree["whole"] else tree["number"]
    if "tensor" in tree:
        return tensors[tree["tensor"]]
    if "array" in tree:
        found = arrays[tree["array"]]
        return found[()] if tree["scalar"] else found
    for kind, make in (("list", list), ("tuple", tuple)):
        if kind in tree:
            return make(_value(each, tensors, arrays) for each in tree[kind])
    return object()  # something that no exercise asks for


def command():
    """What starts the program of `sandboxed.py` in a room of its own.

    Raises `MedtutorError` where bubblewrap is not installed.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise MedtutorError(
            "submissions are graded in a sandbox, which needs bubblewrap: apt-get install bubblewrap (Linux only)"
        )
    root = os.getuid() == 0
    # Of the machine: the system's programs and libraries, and Python with its own. No whole /usr or prefix: a clone of
    # the course may lie in one.
    places = ["/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"]
    parts = ("bin", "lib", "lib64", "pyvenv.cfg")
    places += [str(Path(prefix, part)) for prefix in (sys.base_prefix, sys.prefix) for part in parts]
    line = [
        bwrap,
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
        "--die-with-parent",
        "--new-session",
    ]
    line += [] if root else ["--unshare-user", "--uid", NOBODY, "--gid", NOBODY]
    places = [str(Path(place)) for place in dict.fromkeys(places) if Path(place).exists()]
    # First, for Python may lie in a folder below: it would be hidden.
    line += ["--size", str(ROOM), "--perms", "1777", "--tmpfs", TMP]
    # Folders on the way to a place: bubblewrap would make them for root alone.
    for folder in sorted({str(parent) for place in places for parent in Path(place).parents[:-1]} - {TMP}):
        line += ["--perms", "0755", "--dir", folder]
    for place in places:
        line += ["--ro-bind", place, place]
    package = HERE.parents[1]
    for place in map(Path, places):  # medtutor may be seen in several, where one is a link to another
        if package.is_relative_to(place.resolve()):
            line += ["--tmpfs", str(place / package.relative_to(place.resolve()))]
    line += ["--ro-bind", str(HERE.with_name("sandboxed.py")), "/sandboxed.py"]
    line += ["--proc", "/proc", "--dev", "/dev"]
    line += ["--chdir", TMP, "--clearenv", "--setenv", "HOME", TMP, "--setenv", "OMP_NUM_THREADS", "1"]
    line += ["--setenv", "PATH", "/usr/bin:/bin", "--"]
    if root:
        line += ["/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    return [*line, sys.executable, "-I", "-B", "/sandboxed.py"]
