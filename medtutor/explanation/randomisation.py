"""The test of randomised weights: a map that stays the same without what was learned does not show it.

After Adebayo et al., "Sanity checks for saliency maps", arXiv:1810.03292 (2018).
"""

from dataclasses import dataclass, replace

import torch
from torch import nn

from ..checks import one_of
from ..errors import InputError
from ..models.randomness import seeded
from .anatomy import check_weights, copied, is_quantised, title_of
from .attribution import explain_batch
from .draws import checked_seed
from .maps import similarity
from .subject import model_of

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)


def weighted_layers(run_or_model):
    """The layers with weights, from the head down to the image: {name: names of its modules}.

    A normalisation belongs to the layer before it. The order is that in which the
    model defines them, reversed.
    """
    model = model_of(run_or_model)
    if not isinstance(model, nn.Module):
        raise InputError(f"only a Run or a torch model has layers to randomise, not {type(run_or_model).__name__}")
    check_weights(model)
    if is_quantised(model):
        raise InputError(
            f"the quantised layers of {title_of(model)} cannot be randomised; ask the model as it was before it was"
            " quantised, or take deletion, insertion, infidelity and sensitivity alone"
        )
    groups = []
    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is None:
            continue
        if not hasattr(module, "reset_parameters"):
            raise InputError(
                f"{name or 'the model'} ({type(module).__name__}) has weights but no reset_parameters() to randomise"
                " them"
            )
        if isinstance(module, NORMS) and groups:
            groups[-1].append(name)
        else:
            groups.append([name])
    return {names[0]: names for names in reversed(groups)}


def randomised(run_or_model, upto="all", *, seed=0):
    """A copy whose weights are those of a network that has learned nothing, from the head down.

    upto  "all"; "head", the last layer alone; or a name of `weighted_layers`:
          that layer and all between it and the head
    seed  of the weights: the same seed gives each layer the same weights,
          however far down the randomisation goes

    A `Run` comes back as a `Run` without results, a model as a model, in eval mode.
    The model itself stays as it is. Raises `InputError` for an unknown layer, and for one with
    weights that has no `reset_parameters()`.
    """
    model, seed = model_of(run_or_model), checked_seed(seed)
    layers = weighted_layers(model)
    names = list(layers)
    if not names:
        raise InputError("the model has no weights to randomise")
    one_of("layer", upto, ["all", "head", *names])
    last = {"all": names[-1], "head": names[0]}.get(upto, upto)
    with torch.inference_mode(False), torch.no_grad(), seeded(seed):
        copy = copied(model)
        for name in names[: names.index(last) + 1]:
            for module in layers[name]:
                _reset(copy.get_submodule(module), module or title_of(model))
    if isinstance(run_or_model, nn.Module):
        return copy
    return replace(run_or_model, model=copy, history=[], val=None, test=None, predictions={}, labels={}, state=None)


def _reset(module, name):
    """New weights for one layer. Raises `InputError` where its `reset_parameters()` does not reach them all.

    Under a weight norm it would not: the weights are computed anew from others that stay.
    """
    before = {key: weight.clone() for key, weight in module.named_parameters(recurse=False)}
    module.reset_parameters()
    for key, weight in module.named_parameters(recurse=False):
        if torch.equal(weight, before[key]) and weight.min() < weight.max():
            raise InputError(
                f"reset_parameters() of {name} leaves its {key} as it was, so it cannot be randomised; take the weight"
                " norm off first"
            )


@dataclass(frozen=True)
class Stage:
    """How much of the trained network's maps is left once the layers down to this one are random.

    layer         the last layer randomised; "trained" for none
    similarity    to the trained network's map, mean over the images, -1…1
    similarities  of each image
    """

    layer: str
    similarity: float
    similarities: tuple


def cascade(
    run_or_model, images, method="integrated_gradients", *, target=None, layer=None, region=None, seed=0, **options
):
    """A `Stage` for the trained network, and for each layer that becomes random, from the head down.

    images, method, target, layer, region, options: as of `explain_batch`; a target left out
    is what the trained network predicts. Seconds: (layers + 1) times those of
    `explain_batch`.
    """
    seed = checked_seed(seed)

    def maps(subject, target, region):
        return explain_batch(subject, images, method, target=target, layer=layer, region=region, **options)

    names = list(weighted_layers(run_or_model))
    if not names:
        raise InputError("the model has no weights to randomise")
    trained = maps(run_or_model, target, region)
    targets, regions = [one.target for one in trained], [one.region for one in trained]
    stages = [Stage("trained", 1.0, (1.0,) * len(trained))]
    for name in names:
        left = maps(randomised(run_or_model, name, seed=seed), targets, regions)
        values = tuple(similarity(one, other) for one, other in zip(trained, left))
        stages.append(Stage(name, sum(values) / len(values), values))
    return stages
