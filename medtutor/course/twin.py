"""`same_network`: a module written in a notebook beside the package's, with the same weights and the same input."""

import torch
from torch import nn

from ..checks import instance
from ..errors import InputError
from ..models.inference import evaluating
from .box import Box


def same_network(mine: nn.Module, theirs: nn.Module, *inputs: torch.Tensor) -> Box:
    """A `Box` that says that both modules compute the same; the weights of `mine` become those of `theirs`.

    Parameters and buffers are paired in the order in which the modules define them, whatever they are called. Both
    answer in evaluation mode, with a tensor or several, and are left in the mode that they were in.

    inputs  what both are called with, such as images (N, C, H, W)

    Raises `InputError` where they have not as many tensors of weights, where two of a pair have different shapes, and
    where an answer differs by more than 1e-5 of its largest value.

    >>> import torch
    >>> from medtutor.course import same_network
    >>> print(same_network(torch.nn.Linear(3, 2), torch.nn.Linear(3, 2), torch.ones(1, 3)))
    ✓ The same network: 8 parameters, the same answers. Largest difference: 0.
    """
    for name, module in (("mine", mine), ("theirs", theirs)):
        instance(name, module, nn.Module, "an nn.Module")
    own, given = mine.state_dict(), theirs.state_dict()
    if len(own) != len(given):
        raise InputError(
            f"your module has {len(own)} tensors of weights, medtutor's has {len(given)}: {', '.join(given)}; look for"
            " a layer too many or too few"
        )
    for (name, tensor), (other, weights) in zip(own.items(), given.items()):
        if tensor.shape != weights.shape:
            raise InputError(
                f"your {name} has shape {tuple(tensor.shape)}, medtutor's {other} {tuple(weights.shape)}; define the"
                " layers in the order in which they are used, and check their sizes"
            )
    mine.load_state_dict(dict(zip(own, given.values())))
    with evaluating(mine), evaluating(theirs), torch.no_grad():
        answers, expected = _tensors(mine(*inputs)), _tensors(theirs(*inputs))
    shapes, wanted = ([tuple(each.shape) for each in all_] for all_ in (answers, expected))
    if shapes != wanted:
        raise InputError(
            f"your module answers with shape {', '.join(map(str, shapes))}, medtutor's with"
            f" {', '.join(map(str, wanted))}"
        )
    # torch's max, not Python's: NaN has to come through.
    gap = torch.stack([(own - each).abs().max() for own, each in zip(answers, expected)]).max().item()
    most = torch.stack([each.abs().max() for each in expected]).max().item()
    if not gap <= 1e-5 * max(most, 1e-3):  # NaN, too, is no agreement
        raise InputError(
            f"with the same weights the answers differ by up to {gap:.2g}, of values up to {most:.2g}; look at the"
            " order of the layers, at activations, and at what is added to what"
        )
    parameters = sum(each.numel() for each in mine.parameters())
    return Box(
        "right", f"The same network: {parameters:,} parameters, the same answers.", f"Largest difference: {gap:.2g}."
    )


def _tensors(answer):
    """The tensors of an answer: itself, or all that a tuple holds, such as a VAE's three."""
    if isinstance(answer, torch.Tensor):
        return [answer]
    if not isinstance(answer, (tuple, list)):
        raise InputError(f"the module answers with a {type(answer).__name__}; it has to return a tensor")
    return [tensor for part in answer for tensor in _tensors(part)]
