"""A network that stops early where it is sure already (after BranchyNet: Teerapittayanon et al., arXiv:1709.01686)."""

from typing import NamedTuple, cast

import torch
from torch import nn

from .. import checks
from ..errors import InputError
from ..models.cnn import CNN


class Answer(NamedTuple):
    """logits (N, classes), and early, bool (N,): whether the first exit gave them."""

    logits: torch.Tensor
    early: torch.Tensor


class EarlyExit(nn.Module):
    """A `CNN` with a second classifier after its first blocks.

    net    a trained `CNN` of images; shared, not copied
    after  blocks before the exit, from 1 to one less than there are

    The exit looks at the maximum over places of the maps there, as the network's own classifier does at its end.
    Raises `InputError` for another network or number.

    >>> from medtutor.efficiency import EarlyExit
    >>> answer = EarlyExit(CNN(widths=(4, 8))).eval()(torch.zeros(3, 1, 28, 28), 0.5)
    >>> answer.logits.shape, answer.early.tolist()  # of two classes, one has at least 0.5
    (torch.Size([3, 2]), [True, True, True])
    """

    def __init__(self, net: CNN, after: int = 1) -> None:
        super().__init__()
        if not isinstance(net, CNN):
            raise InputError(f"the network is a {type(net).__name__}; give a cnn, whose blocks are known")
        after = checks.whole("after", after, 1, len(net.blocks) - 1)
        self.first = nn.Sequential(net.stem, *net.blocks[:after])
        self.rest, self.pool = nn.Sequential(*net.blocks[after:]), net.pool
        self.classifier = net.classifier
        width = cast(nn.Conv2d, net.blocks[after - 1].conv2).out_channels
        self.exit = nn.Linear(width, net.classifier.out_features)

    def fit_exit(self, images: torch.Tensor, labels: torch.Tensor, batch_size: int = 128) -> "EarlyExit":
        """Fit the exit alone, by logistic regression on its features; the network stays as it is.

        images  float (N, C, H, W); labels int64 (N,), each class at least once
        """
        from sklearn.linear_model import LogisticRegression

        with torch.no_grad():
            features = torch.cat([self._pooled(self.first(some)) for some in images.split(batch_size)])
            fitted = LogisticRegression(max_iter=1000).fit(features.numpy(), labels.numpy())
            weight, bias = torch.tensor(fitted.coef_), torch.tensor(fitted.intercept_)
            if len(weight) == 1:  # of two classes sklearn gives the second alone
                weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
            self.exit.weight.copy_(weight)
            self.exit.bias.copy_(bias)
        return self

    def forward(self, images: torch.Tensor, sure: float) -> Answer:
        """images (N, C, H, W); sure: the confidence from which the exit answers. Only the others go on."""
        maps = self.first(images)
        logits = self.exit(self._pooled(maps))
        early = logits.softmax(1).amax(1) >= sure
        if not early.all():
            logits = logits.clone()
            logits[~early] = self.classifier(self._pooled(self.rest(maps[~early])))
        return Answer(logits, early)

    def _pooled(self, maps):
        return self.pool(maps).flatten(1)
