"""Whether what an answer returns is what the reference returns, and what is wrong where it is not.

Both become lists of tensors first: an answer may return numbers, lists, or arrays of any make.
"""

import copy

import numpy as np
import torch


class Wrong(Exception):
    """The answer is not right; the sentence says why.

    mistake  the name of the mistake whose hint that is; None where it is none that the exercise knows
    """

    def __init__(self, why, mistake=None):
        super().__init__(why)
        self.mistake = mistake


def expected(exercise, trial):
    """What the reference returns, as a list of tensors; a tuple of bare numbers is one vector."""
    value = exercise.reference(*copy.deepcopy(trial))
    return [_tensor(part) for part in value] if _are_arrays(value) else [_tensor(value)]


def _are_arrays(value):
    return isinstance(value, tuple) and any(getattr(part, "shape", ()) for part in value)


def tensors(value, want, trial):
    """What an answer returns, as a list of tensors. Raises `Wrong` where it is no number or array.

    Rows given as a list become one tensor where one is wanted, and one array becomes many along its first axis.
    """
    if type(value).__module__ == "torch.return_types":
        raise Wrong("your function returns values and their places, as .max(dim) and its like give them; take .values.")
    try:
        if not isinstance(value, (list, tuple)):
            one = _tensor(value)
            return list(one) if len(want) > 1 and one.dim() and len(one) == len(want) else [one]
        parts = [_tensor(part) for part in value]
        if len(want) > 1 or len({part.shape for part in parts}) > 1:
            return parts
        return parts if len(parts) == 1 and parts[0].shape == want[0].shape else [_stacked(parts)]
    except Wrong as wrong:
        raise Wrong(f"your function returns {wrong} (inputs: {describe(trial)}).") from None


def in_single_precision(value):
    if isinstance(value, tuple):
        return tuple(map(in_single_precision, value))
    is_float = isinstance(value, torch.nn.Module) or (isinstance(value, torch.Tensor) and value.is_floating_point())
    return value.float() if is_float else value


_NUMBERS = {"b": bool, "i": np.int64, "u": np.int64, "f": np.float64, "c": np.complex128}


def _tensor(value):
    """A number or an array of any make as a tensor, which keeps its gradient. Raises `Wrong` for anything else."""
    if isinstance(value, (list, tuple)):
        return _stacked([_tensor(part) for part in value])
    if value is None:
        raise Wrong("None in the place of a number or array")
    try:
        if isinstance(value, torch.Tensor):
            value = (value if value.layout == torch.strided else value.to_dense()).cpu()
        else:
            array = np.asarray(value)
            # Torch knows neither all of numpy's kinds nor an array read backwards.
            value = torch.from_numpy(array.astype(_NUMBERS[array.dtype.kind]))
    except Exception:
        raise Wrong(f"{type(value).__name__}, which is no number or array") from None
    if value.is_complex():
        raise Wrong("complex numbers; take their real part")
    return value


def _stacked(parts):
    if len({part.shape for part in parts}) > 1:
        raise Wrong("a list of arrays of different shapes")
    if len({part.dtype for part in parts}) > 1:
        parts = [part.double() for part in parts]
    return torch.stack(parts) if parts else torch.zeros(0)


def agree(value, want, tolerance):
    """Whether two lists of tensors are the same in shapes and, within the tolerance, in values."""
    return len(value) == len(want) and all(
        a.shape == b.shape and not _off(a, b, tolerance).any() for a, b in zip(value, want)
    )


def _off(a, b, tolerance):
    """Where values differ by more than the tolerance, which is relative to the largest that is wanted."""
    a, b = a.detach().double(), b.detach().double()
    finite = b[b.isfinite()].abs()
    scale = max(finite.max().item(), 1e-6) if len(finite) else 1.0
    return ~torch.isclose(a, b, rtol=0, atol=tolerance * scale, equal_nan=True)


def difference(value, want, trial, tolerance):
    """What is wrong, where no known mistake explains it; the right values are not told."""
    on = f"(inputs: {describe(trial)})"
    if len(value) != len(want):
        return (
            f"your function returns {len(value)} arrays where {len(want)} {'is' if len(want) == 1 else 'are'} asked for"
            f" {on}."
        )
    for a, b in zip(value, want):
        if a.shape != b.shape:
            return f"the shape is not right: yours is {_shape(a)}, asked for is {_shape(b)} {on}."
    whole = [a.dtype for a, b in zip(value, want) if not a.is_floating_point() and b.is_floating_point()]
    a, b = (torch.cat([each.detach().double().flatten() for each in many]) for many in (value, want))
    wrong = torch.cat([_off(*pair, tolerance).flatten() for pair in zip(value, want)])
    strange = wrong & ~a.isfinite()
    if strange.any():
        number = a[strange][0].item()
        return (
            f"the shape is right, but {_of(strange)} are {number}; is something divided by zero, or its logarithm"
            f" taken? {on}"
        )
    if whole and (b % 1 != 0).any():
        return (
            f"your function returns whole numbers ({str(whole[0]).removeprefix('torch.')}); asked for are fractions"
            f" {on}."
        )
    if agree(value, want, 0.02):
        near = "off by 2 % at most. Is something rounded, or added for safety?"
        return f"the shape is right, but {_of(wrong)} are not quite: {near} {on}"
    return f"the shape is right, but {_of(wrong)} are not {on}."


def _of(wrong):
    return f"{int(wrong.sum())} of {wrong.numel()} values"


def describe(trial):
    return ", ".join(_described(value) for value in trial)


def _described(value):
    if isinstance(value, torch.nn.Module):
        return f"a {type(value).__name__}"
    return _shape(torch.as_tensor(value)) if isinstance(value, (torch.Tensor, np.ndarray)) else repr(value)


def _shape(tensor):
    return "a single number" if tensor.dim() == 0 else str(tuple(tensor.shape))
