"""What runs inside the sandbox: a student's cells, and then the functions that they define, asked from outside.

A program of its own, which knows nothing of medtutor: neither the exercises' references nor the course are to be
found in the sandbox. See `sandbox.py` for who asks.

In come messages pickled by the one who grades; out go JSON and plain numbers, since nothing that a student's code
has made may be unpickled.
"""

import copy
import json
import os
import pickle
import resource
import signal
import struct
import sys
import traceback
from contextlib import suppress

import numpy as np
import torch

NOBODY = 65534
MEMORY, FILE, PROCESSES, SECONDS = 3_000_000_000, 20_000_000, 64, 120


def main():
    """Read messages and answer them, until there are no more."""
    # It ends every process that it may: nowhere but in a sandbox, where there are no others than its own.
    if os.getuid() != NOBODY or os.getpid() > 20:
        sys.exit("this program runs in medtutor's sandbox only")
    asked, told = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what a student prints, or asks to be typed, has no part in the conversation
        os.dup2(nothing, stream)
    for what, limit in (
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_NPROC, PROCESSES),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    torch.set_num_threads(1)
    student, own = Student(), os.getpid()
    send(told, {"ready": True}, [])
    while (head := asked.read(8)) and len(head) == 8:
        message = pickle.loads(asked.read(struct.unpack("<q", head)[0]))
        alone()
        try:
            said, arrays = getattr(student, message[0])(*message[1:])
        except BaseException as error:
            said, arrays = {"error": in_words(error)}, []
        if os.getpid() != own:
            os._exit(1)
        alone()
        send(told, said, arrays)


def alone():
    """End all other processes in the sandbox, which a student's code has started."""
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


class Student:
    """A student's names, as the cells have left them."""

    def __init__(self):
        self.space = {"__name__": "__main__"}
        self.outputs, self.leaves = [], []

    def run(self, cells):
        """Run cells one after the other, each as far as it goes: {"failed": {number of a cell: words}}."""
        failed = {}
        for number, code in enumerate(cells):
            try:
                exec(compile(code, "<cell>", "exec"), self.space)
            except BaseException as error:
                failed[number] = in_words(error)
        return {"failed": failed}, []

    def call(self, name, inputs, gradients):
        """What a function returns, as a tree whose numbers stand in arrays; and whether it has changed its inputs."""
        inputs, before = list(inputs), copy.deepcopy(inputs)
        self.leaves = []
        if gradients:
            for place, value in enumerate(inputs):
                if isinstance(value, torch.Tensor) and value.is_floating_point():
                    inputs[place] = value.detach().clone().requires_grad_()
                    self.leaves.append(inputs[place])
        value = self.space[name](*inputs)
        changed = not gradients and not same(inputs, before)
        self.outputs = []
        arrays = []
        tree = self._tree(value, arrays)
        flows = [isinstance(each, torch.Tensor) and each.requires_grad for each in self.outputs]
        return {"tree": tree, "changed": changed, "flows": flows}, arrays

    def backward(self, weights):
        """The gradients of the last call's outputs, weighted, with respect to its floating-point tensors."""
        outputs = [(each, weight) for each, weight in zip(self.outputs, weights) if weight is not None]
        found = torch.autograd.grad(
            [each for each, _ in outputs], self.leaves, [weight for _, weight in outputs], allow_unused=True
        )
        return {"none": [each is None for each in found]}, [each.numpy() for each in found if each is not None]

    def _tree(self, value, arrays):
        if value is None or value is ... or isinstance(value, (bool, str)):
            return {"...": None} if value is ... else value
        if isinstance(value, (int, float)):
            return {"number": float(value), "whole": isinstance(value, int)}
        if isinstance(value, (list, tuple)):
            return {type(value).__name__: [self._tree(each, arrays) for each in value]}
        if isinstance(value, torch.Tensor):
            self.outputs.append(value)
            arrays.append(value.detach().cpu().contiguous().resolve_conj().resolve_neg().numpy())
            return {"tensor": len(arrays) - 1}
        if isinstance(value, (np.ndarray, np.generic)):
            self.outputs.append(value)
            arrays.append(np.ascontiguousarray(value))
            return {"array": len(arrays) - 1, "scalar": isinstance(value, np.generic)}
        return {"other": type(value).__name__}


def same(one, other):
    """Whether two inputs are equal, NaN where NaN is."""
    if isinstance(one, torch.nn.Module):
        return same(list(one.state_dict().values()), list(other.state_dict().values()))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        one, other = one.detach().numpy(), other.detach().numpy()
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    return True


def in_words(error):
    """[name of an error, its words, the line of the student's code]."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<cell>"]
    said = str(error).encode(errors="replace").decode().strip().splitlines()  # a notebook holds no half of a character
    return [type(error).__name__, said[0][:200] if said else "", lines[-1] if lines else None]


def send(told, said, arrays):
    """One message: its length, JSON, and the bytes of each array one after the other."""
    head = json.dumps({**said, "arrays": [[each.dtype.str, list(each.shape)] for each in arrays]}).encode()
    told.write(struct.pack("<q", len(head)) + head)
    for each in arrays:
        told.write(each.tobytes())
    told.flush()


if __name__ == "__main__":
    main()
