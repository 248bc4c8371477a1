"""`check`: a student's function beside the reference, on random inputs.

An exercise knows its reference and the mistakes that people make, each as a
function. An answer that differs from the reference and agrees with a mistake
gets that mistake's hint; any answer that agrees with the reference passes,
however it is written. Nothing of the solution is shown.
"""

import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Callable

import numpy as np
import torch

from ..errors import unknown
from .box import Box

TRIALS = 6


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
               random trial, on which reference and mistakes differ
    mistakes   at least three
    gradients  also compare the gradients with respect to floating-point tensors
    tolerance  how far a value may be off, relative to the largest one
    """

    name: str
    reference: Callable
    inputs: Callable
    mistakes: tuple[Mistake, ...]
    gradients: bool = False
    tolerance: float = 1e-4


@cache
def exercises():
    """{name: Exercise} of all modules in the folder `exercises`, found by themselves."""
    from . import exercises as folder

    found = {}
    for module in pkgutil.iter_modules(folder.__path__):
        for exercise in import_module(f"{folder.__name__}.{module.name}").EXERCISES:
            found[exercise.name] = exercise
    return found


class _Checks:
    """`check.<exercise>(answer)` shows whether the answer is right, and if not, why."""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in exercises():
            raise unknown("exercise", name, list(exercises()))
        return lambda answer: look_at(exercises()[name], answer)

    def __dir__(self):
        return list(exercises())


check = _Checks()


def look_at(exercise, answer, seed=None):
    """A `Box`: open (nothing written yet), right, or wrong with a hint.

    seed  of the random inputs; left out: other inputs each time
    """
    name = exercise.name
    if answer is None or answer is ...:
        return _open(name)
    if not callable(answer):
        return _wrong(name, f"give the function itself, check.{name}(your_function), not a result of it.")
    generator = np.random.default_rng(seed)
    trials = [exercise.inputs(generator) for _ in range(TRIALS)]
    given = []
    for trial in trials:
        own = _copy(trial)
        try:
            value = answer(*own)
        except NotImplementedError:
            return _open(name)
        except Exception as error:
            return _wrong(name, f"your function stopped with {type(error).__name__}: {error} (inputs: {_describe(trial)}).")
        if not all(map(_same, own, trial)):
            return _wrong(name, "your function changes its input; work on a copy.")
        given.append(value)
    if all(value is None or value is ... for value in given):
        return _open(name)
    return _compare(exercise, answer, trials, given)


def _compare(exercise, answer, trials, given):
    wanted = [exercise.reference(*_copy(trial)) for trial in trials]
    right = [_agree(value, want, exercise.tolerance) for value, want in zip(given, wanted)]
    if not all(right):
        for mistake in exercise.mistakes:
            if _same_mistake(mistake, trials, given, exercise.tolerance):
                return _wrong(exercise.name, mistake.hint)
        first = right.index(False)
        return _wrong(exercise.name, _difference(given[first], wanted[first], trials[first]))
    if exercise.gradients:
        return _compare_gradients(exercise, answer, trials)
    return Box("right", f"{exercise.name}:", f"agrees with the reference on {len(trials)} random inputs.")


def _compare_gradients(exercise, answer, trials):
    for trial in trials:
        try:
            own = _gradients(answer, trial)
        except RuntimeError:
            return _wrong(
                exercise.name, "the values are right, but no gradient flows through them; "
                "stay in PyTorch: no .item(), .detach(), .numpy() or torch.tensor(...) on the way."
            )  # fmt: skip
        if not _agree(own, _gradients(exercise.reference, trial), exercise.tolerance):
            return _wrong(exercise.name, "the values are right, but the gradients are not; which step does backward not see?")
    return Box("right", f"{exercise.name}:", f"values and gradients agree with the reference on {len(trials)} random inputs.")


def _gradients(function, trial):
    leaves = [_leaf(value) for value in trial]
    total = sum(output.sum() for output in _tensors(function(*leaves)))
    total.backward()
    return [leaf.grad if leaf.grad is not None else torch.zeros_like(leaf) for leaf in leaves if _is_float_tensor(leaf)]


def _is_float_tensor(value):
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _leaf(value):
    return value.clone().requires_grad_() if _is_float_tensor(value) else _copy(value)


def _copy(value):
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return value.clone() if isinstance(value, torch.Tensor) else value.copy()
    return type(value)(_copy(part) for part in value) if isinstance(value, (tuple, list)) else value


def _same(a, b):
    """Whether an input is still what it was, NaN where it was NaN; models and functions are taken to be."""
    if isinstance(a, torch.Tensor):
        a, b = a.detach().numpy(), b.detach().numpy()
    return np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else True


def _tensors(value, many=None):
    """A value, or a tuple or list of values, as a list of tensors.

    many  how many tensors are wanted; rows given as a list become one tensor
          where one is wanted. Left out: tuples and lists of arrays are many
    """
    if not isinstance(value, (tuple, list)):
        return [torch.as_tensor(value)]
    parts = [torch.as_tensor(part) for part in value]
    bare = not any(getattr(part, "shape", ()) for part in value)
    alike = len({part.shape for part in parts}) == 1
    # Bare numbers are one vector, whoever wrote them.
    return [torch.stack(parts)] if alike and (bare or (many == 1 and len(parts) > 1)) else parts


def _pair(value, want):
    """(tensors of the answer, tensors asked for). Raises where the answer is no number or array."""
    want = _tensors(want)
    return _tensors(value, len(want)), want


def _agree(value, want, tolerance):
    """Whether two answers are the same in shape and, within the tolerance, in value."""
    try:
        value, want = _pair(value, want)
    except (TypeError, ValueError, RuntimeError):
        return False
    return len(value) == len(want) and all(_close(a, b, tolerance) for a, b in zip(value, want))


def _close(a, b, tolerance):
    if a.shape != b.shape:
        return False
    a, b = a.detach().double(), b.detach().double()
    scale = b.nan_to_num().abs().max().item() if b.numel() else 1.0
    return torch.allclose(a, b, rtol=0, atol=tolerance * max(scale, 1e-6), equal_nan=True)


def _same_mistake(mistake, trials, given, tolerance):
    try:
        return all(_agree(value, mistake.answer(*_copy(trial)), tolerance) for value, trial in zip(given, trials))
    except Exception:
        # A wrong function may well fail on an input: then it is not this one.
        return False


def _difference(value, want, trial):
    """What is wrong, where no known mistake explains it; the right values are not told."""
    on = f"(inputs: {_describe(trial)})"
    try:
        value, want = _pair(value, want)
    except (TypeError, ValueError, RuntimeError):
        return f"your function returns {type(value).__name__}, which is no number or array {on}."
    if len(value) != len(want):
        return f"your function returns {len(value)} arrays where {len(want)} are asked for {on}."
    for a, b in zip(value, want):
        if a.shape != b.shape:
            return f"the shape is not right: yours is {_shape(a)}, asked for is {_shape(b)} {on}."
    wrong = torch.cat([~torch.isclose(a.detach().double(), b.detach().double(), rtol=1e-4, atol=1e-6, equal_nan=True).flatten() for a, b in zip(value, want)])
    return f"the shape is right, but {int(wrong.sum())} of {wrong.numel()} values are not {on}."


def _shape(tensor):
    return "a single number" if tensor.dim() == 0 else str(tuple(tensor.shape))


def _describe(trial):
    return ", ".join(_described(value) for value in trial)


def _described(value):
    if isinstance(value, torch.nn.Module):
        return f"a {type(value).__name__}"
    return _shape(torch.as_tensor(value)) if isinstance(value, (torch.Tensor, np.ndarray)) else repr(value)


def _open(name):
    return Box("open", f"{name}:", "not attempted yet. Replace the three dots, run the cell above, then this one.")


def _wrong(name, hint):
    return Box("wrong", f"{name}: not yet.", hint[0].upper() + hint[1:])
