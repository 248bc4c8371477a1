"""What a training makes small: one loss for each kind of task."""

from functools import cache

import torch
import torch.nn.functional as F


def case_losses(logits: torch.Tensor, targets: torch.Tensor, task: str, smoothing: float = 0.0) -> torch.Tensor:
    """The loss of each case, (N,).

    logits     (N, classes); of a segmentation (N, classes, H, W), of a regression numbers (N, 1)
    targets    (N,) class numbers, (N, labels), masks (N, H, W) or numbers (N,), as the task has them
    task       "multi-label": binary cross-entropy, the mean over the labels; "regression": the squared error;
               "segmentation": cross-entropy, the mean over the pixels, plus one minus the soft Dice, the mean over
               the foreground classes; any other: cross-entropy
    smoothing  share of a target that is spread over all classes, 0 to below 1

    >>> case_losses(torch.tensor([[0.0, 0.0], [1.0, -1.0]]), torch.tensor([1, 0]), "binary")
    tensor([0.6931, 0.1269])
    """
    if task == "multi-label":
        wanted = targets.float() * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=1)
    if task == "regression":
        return F.mse_loss(logits[:, 0], targets, reduction="none")
    if task == "segmentation":
        targets = targets.long()
        pixels = F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none").flatten(1).mean(dim=1)
        return pixels + _dice_loss()(logits, targets.unsqueeze(1)).flatten(1).mean(dim=1)
    return F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")


@cache
def _dice_loss():
    # MONAI takes seconds to import: only a segmentation needs it.
    from monai.losses import DiceLoss

    # Case by case, not over the batch: so that processes add up to the same loss.
    return DiceLoss(
        include_background=False, to_onehot_y=True, softmax=True, reduction="none", smooth_nr=1, smooth_dr=1
    )
