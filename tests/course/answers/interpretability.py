"""Right answers of lesson 09."""

from functools import reduce

import numpy as np
import torch
from captum.attr import IntegratedGradients, Saliency

from . import right


@right("saliency")
def by_captum(model, image, target):
    return Saliency(model).attribute(image[None].requires_grad_(), target=target)[0]


@right("saliency")
def by_torch_func(model, image, target):
    return torch.func.grad(lambda x: model(x[None])[0, target])(image).abs()


@right("saliency")
def by_the_jacobian(model, image, target):
    return torch.autograd.functional.jacobian(lambda x: model(x.unsqueeze(0)), image)[0, target].abs().numpy()


@right("saliency")
def by_backward_on_the_image_itself(model, image, target):
    model.zero_grad()
    image.requires_grad = True
    model(image[None]).squeeze()[target].backward()
    return np.abs(image.grad.numpy())


@right("integrated_gradients")
def by_captum_in_the_middle(model, image, baseline, target, steps):
    method = IntegratedGradients(model)
    return method.attribute(image[None], baseline[None], target=target, n_steps=steps, method="riemann_middle")[0]


@right("integrated_gradients")
def all_steps_in_one_batch(model, image, baseline, target, steps):
    ways = (torch.arange(steps) + 0.5) / steps
    points = (baseline + ways[:, None, None, None] * (image - baseline)).requires_grad_()
    model(points)[:, target].sum().backward()
    return (image - baseline) * points.grad.mean(0)


@right("integrated_gradients")
def by_vmap(model, image, baseline, target, steps):
    def slope(way):
        return torch.func.grad(lambda x: model(x[None])[0, target])(torch.lerp(baseline, image, way))

    return torch.vmap(slope)(torch.linspace(0.5 / steps, 1 - 0.5 / steps, steps)).mean(0) * (image - baseline)


@right("integrated_gradients")
def added_up_in_numpy(model, image, baseline, target, steps):
    total = np.zeros(tuple(image.shape))
    for way in np.linspace(0, 1, 2 * steps + 1)[1::2]:
        point = (baseline + float(way) * (image - baseline)).requires_grad_()
        total += torch.autograd.grad(model(point[None])[0, target], point)[0].numpy()
    return total / steps * (image - baseline).numpy()


@right("rollout")
def from_an_identity_in_single_precision(weights):
    N = weights.shape[-1]
    through = torch.eye(N)
    for block in weights:
        through = (0.5 * block.mean(0) + 0.5 * torch.eye(N)) @ through
    return through


@right("rollout")
def by_steps_in_numpy(weights):
    steps = (weights.numpy().mean(axis=1) + np.eye(weights.shape[-1])) / 2
    return reduce(lambda through, step: step @ through, steps)


@right("rollout")
def by_multi_dot(weights):
    steps = weights.mean(1) / 2 + torch.eye(weights.shape[-1]) / 2
    return torch.linalg.multi_dot(list(steps.flip(0)))


@right("rollout")
def with_rows_that_are_made_to_add_up(weights):
    through = None
    for block in weights:
        step = block.mean(dim=0) + torch.eye(block.shape[-1])
        step = step / step.sum(dim=-1, keepdim=True)
        through = step if through is None else torch.einsum("ij,jk->ik", step, through)
    return through
