"""`check`: a student's function beside the reference, on random inputs.

An exercise knows its reference and the mistakes that people make, each as a
function. An answer that differs from the reference and agrees with a mistake
gets that mistake's hint; any answer that agrees with the reference passes,
however it is written. Nothing of the solution is shown.

An answer may be any callable and may do anything: it works on copies, its time
and memory are limited, and what it does to the random generators is undone.
"""

import copy
import dis
import functools
import inspect
import os
import random
import signal
import sysconfig
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

from ..errors import InputError, unknown
from .box import Box
from .comparing import Wrong, agree, describe, difference, expected, in_single_precision, tensors
from .kept import keep
from .lessons import lessons_with
from .progress import note_check

TRIALS = 6
# What an answer may take for all trials together.
SECONDS, BYTES = 30, 500e6


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer, and the hint for whoever gives it.

    name    what is wrong, in a few words
    answer  the wrong function
    hint    what to think about; never the solution
    """

    name: str
    answer: Callable
    hint: str


@dataclass(frozen=True)
class Exercise:
    """A function that a student writes.

    name       as in `check.<name>(function)`
    reference  the right function, written for clarity
    inputs     generator (`numpy.random.Generator`) -> arguments (a tuple) of one
               random trial, on which reference and mistakes differ; handed over
               in single precision, as the lessons' images are
    mistakes   at least three
    gradients  also compare the gradients with respect to floating-point tensors;
               only where the lesson asks to stay in PyTorch
    tolerance  how far a value may be off, relative to the largest one
    trials     how many; more where an input is of one kind or another, so that
               both are sure to occur
    """

    name: str
    reference: Callable
    inputs: Callable
    mistakes: tuple[Mistake, ...]
    gradients: bool = False
    tolerance: float = 1e-4
    trials: int = TRIALS


@cache
def exercises():
    """{name: Exercise} of all lessons: what their exercises.py name `EXERCISES`.

    Raises `InputError` where two have the same name.
    """
    found = {}
    for lesson in lessons_with("exercises.py"):
        for exercise in _exercises_of(lesson):
            if exercise.name in found:
                raise InputError(f"two exercises have the name {exercise.name}, the second in {lesson}; rename one")
            found[exercise.name] = exercise
    return found


def _exercises_of(lesson):
    # By its name: no import statement reads a name that begins with a digit.
    return import_module(f"{__package__}.lessons.{lesson}.exercises").EXERCISES


class _Checks:
    """`check.<exercise>(answer)` shows whether the answer is right, and if not, why."""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in exercises():
            raise unknown("exercise", name, list(exercises()))
        return lambda answer=None: _looked_at_and_kept(name, answer)

    def __dir__(self):
        return list(exercises())


check = _Checks()


class _NotAttempted(Exception):
    """Nothing is written yet."""


class _Stopped(BaseException):
    """Time or memory is up. No `Exception`, which an answer might catch."""


def _looked_at_and_kept(name, answer):
    box, mistake = _looked_at(exercises()[name], answer)
    with suppress(InputError):  # what is kept is for looking back: no reason to say anything here
        if box.kind == "right":
            keep(f"solved/{name}", True)
        if box.kind != "open":
            note_check(name, _lesson_of(name), box.kind == "right", mistake)
    return box


@cache
def _lesson_of(name):
    """The number of the lesson that brings an exercise."""
    found = lessons_with("exercises.py")
    return next((one[:2] for one in found if name in {each.name for each in _exercises_of(one)}), "00")


def look_at(exercise, answer, seed=None):
    """A `Box`: open (nothing written yet), right, or wrong with a hint.

    seed  of the random inputs; left out: other inputs each time
    """
    return _looked_at(exercise, answer, seed)[0]


def _looked_at(exercise, answer, seed=None):
    """(what `look_at` gives, name of the mistake whose hint that is or None)."""
    name = exercise.name
    if answer is None or answer is ...:
        return _open(name), None
    if not callable(answer):
        return _wrong(name, f"give the function itself, check.{name}(your_function), not a result of it."), None
    generator = np.random.default_rng(seed)
    with _state_kept():
        trials = [in_single_precision(exercise.inputs(generator)) for _ in range(exercise.trials)]
        try:
            with _limits():
                said = _compare(exercise, answer, trials)
        except _NotAttempted:
            return _open(name), None
        except Wrong as wrong:
            return _wrong(name, str(wrong)), wrong.mistake
        except _Stopped as stopped:
            why = f"your function was stopped after {stopped}{_line_of(stopped)}. Does a loop never end?"
            return _wrong(name, why), None
    return Box("right", f"{name}:", said), None


def _compare(exercise, answer, trials):
    """What to say about a right answer. Raises `Wrong` or `_NotAttempted` about any other."""
    wanted = [expected(exercise, trial) for trial in trials]
    given = [_given(answer, trial) for trial in trials]
    _refuse_nothing(answer, given)
    given = [tensors(value, want, trial) for value, want, trial in zip(given, wanted, trials)]
    right = [agree(value, want, exercise.tolerance) for value, want in zip(given, wanted)]
    if not all(right):
        for mistake in exercise.mistakes:
            if _same_mistake(mistake, trials, given, wanted, exercise.tolerance):
                raise Wrong(mistake.hint, mistake.name)
        first = right.index(False)
        _refuse_chance(answer, trials[first], given[first])
        raise Wrong(difference(given[first], wanted[first], trials[first], exercise.tolerance))
    if not exercise.gradients:
        return f"agrees with the reference on {len(trials)} random inputs."
    for trial, want in zip(trials, wanted):
        _compare_gradients(exercise, answer, trial, want)
    return f"values and gradients agree with the reference on {len(trials)} random inputs."


# --- asking ------------------------------------------------------------------


@contextmanager
def _state_kept():
    """The random generators of torch, numpy and Python are left as they were; gradients are recorded, whatever was set
    before.
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)


@contextmanager
def _limits():
    """Raises `_Stopped` in what takes longer than `SECONDS`, or `BYTES` more; again and again, since an answer may
    swallow it.

    Without effect where a signal cannot do it: outside the main thread, and on Windows.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    start, held = time.monotonic(), _memory()

    def look(*_):
        if time.monotonic() - start > SECONDS:
            raise _Stopped(f"{SECONDS} seconds")
        if _memory() - held > BYTES:
            raise _Stopped(f"taking {BYTES / 1e9:g} GB of memory")

    handler = signal.signal(signal.SIGALRM, look)
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
        if left:  # somebody else's alarm was set
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - start), 1e-3), interval)


def _memory():
    """The bytes that this process holds; where the system does not say so, the most it ever held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource  # not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _given(answer, trial):
    """What an answer returns, a copy of it. Raises `Wrong` where it stops, or changes its inputs."""
    own = copy.deepcopy(trial)
    try:
        # Copied: an answer may return the same array each time, filled anew.
        value = _copied(answer(*own))
    except (Exception, SystemExit) as error:
        # Torch raises the same error, with words, for what it cannot compute.
        if isinstance(error, NotImplementedError) and not str(error):
            raise _NotAttempted from None
        raise Wrong(
            f"your function stopped with {_words(error)}{_line_of(error)} (inputs: {describe(trial)})."
        ) from None
    if not all(map(_same, own, trial)):
        raise Wrong("your function changes its input; work on a copy.")
    return value


def _copied(value):
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(a, b):
    """Whether an input is still what it was, NaN where it was NaN; functions are taken to be."""
    if isinstance(a, torch.nn.Module):
        return a.training == b.training and _same(list(a.state_dict().values()), list(b.state_dict().values()))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, torch.Tensor):
        a, b = a.detach().numpy(), b.detach().numpy()
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return True


def _refuse_nothing(answer, given):
    """Raises `_NotAttempted` or `Wrong` where values are missing."""
    missing = [value is None or value is ... for value in given]
    if all(missing) and (given[0] is ... or _is_blank(answer)):
        raise _NotAttempted
    if all(missing):
        raise Wrong(
            "your function returns nothing; end it with return and the value. (print shows it, but hands nothing back.)"
        )
    if any(missing):
        raise Wrong("your function returns nothing for some inputs; every way through it needs a return.")


# What is left of a function whose body is three dots, pass or a docstring, in any version of Python.
_NO_STEPS = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "POP_TOP", "MAKE_CELL", "COPY_FREE_VARS"}


def _is_blank(answer):
    """Whether a function does nothing at all; told by its compiled code, since the source is not always at hand."""
    while isinstance(answer, functools.partial):
        answer = answer.func
    function = inspect.unwrap(answer)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code is not None and {step.opname for step in dis.get_instructions(code)} <= _NO_STEPS


_LIBRARIES = (*map(sysconfig.get_path, ("stdlib", "purelib", "platlib")), str(Path(__file__).parents[1]), "<frozen")


def _line_of(error):
    """ ", in line 3, “…”": the line of the student's code in which an error arose; empty where it is not in there."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_LIBRARIES)]
    if not own:
        return ""
    return f", in line {own[-1].lineno}" + (f", “{own[-1].line}”" if own[-1].line else "")


def _words(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _same_mistake(mistake, trials, given, wanted, tolerance):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return all(
                agree(value, tensors(mistake.answer(*copy.deepcopy(trial)), want, trial), tolerance)
                for trial, value, want in zip(trials, given, wanted)
            )
        except Exception:
            # A wrong function may well fail on an input: then it is not this one.
            return False


def _refuse_chance(answer, trial, value):
    """Raises `Wrong` where an answer returns something else if asked again."""
    try:
        again = tensors(_given(answer, trial), value, trial)
    except (Wrong, _NotAttempted):
        again = []
    if not agree(again, value, 1e-6):
        raise Wrong(
            "your function gives another answer each time. All that it needs is in its inputs; draw and keep nothing."
        )


def _compare_gradients(exercise, answer, trial, want):
    own = _gradients(answer, trial, want)
    if own is None:
        raise Wrong(
            "the values are right, but no gradient flows through them; "
            "stay in PyTorch: no .item(), .detach(), .numpy() or torch.tensor(...) on the way."
        )
    if not agree(own, _gradients(exercise.reference, trial, want), exercise.tolerance):
        raise Wrong("the values are right, but the gradients are not; which step does backward not see?")


def _gradients(function, trial, want):
    """The gradients with respect to all floating-point inputs, of the outputs weighted at random; None where there are
    none.
    """
    inputs = copy.deepcopy(trial)
    leaves = [
        value.requires_grad_() for value in inputs if isinstance(value, torch.Tensor) and value.is_floating_point()
    ]
    generator = torch.Generator().manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = tensors(function(*inputs), want, trial)
        total = sum((output * torch.rand(output.shape, generator=generator)).sum() for output in outputs)
        found = torch.autograd.grad(total, leaves, allow_unused=True)
    except (Exception, SystemExit):
        return None
    return [torch.zeros_like(leaf) if gradient is None else gradient for leaf, gradient in zip(leaves, found)]


def _open(name):
    return Box("open", f"{name}:", "not attempted yet. Replace the three dots, run the cell above, then this one.")


def _wrong(name, hint):
    return Box("wrong", f"{name}: not yet.", hint[0].upper() + hint[1:])
