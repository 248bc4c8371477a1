"""Right answers of lesson 01."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import signal, stats
from sklearn.metrics import auc as area
from sklearn.metrics import confusion_matrix, recall_score, roc_auc_score, roc_curve

from . import right


@right("cross_correlate")
def by_scipy(image, kernel):
    return signal.correlate2d(image, kernel, mode="valid")


@right("cross_correlate")
def by_windows_in_numpy(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image.numpy(), tuple(kernel.shape))
    return np.einsum("ijkl,kl->ij", windows, kernel.numpy())


@right("cross_correlate")
def by_loops_with_item(image, kernel):
    (H, W), (h, w) = image.shape, kernel.shape
    out = torch.zeros(H - h + 1, W - w + 1)
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            total = 0.0
            for k in range(h):
                for m in range(w):
                    total += image[i + k, j + m].item() * kernel[k, m].item()
            out[i, j] = total
    return out


@right("cross_correlate")
def by_nested_lists(image, kernel):
    (H, W), (h, w) = image.shape, kernel.shape
    return [[(image[i : i + h, j : j + w] * kernel).sum() for j in range(W - w + 1)] for i in range(H - h + 1)]


@right("cross_correlate")
def by_unfold(image, kernel):
    columns = F.unfold(image[None, None], kernel.shape)[0]  # (h w, places)
    return (kernel.flatten() @ columns).reshape(image.shape[0] - kernel.shape[0] + 1, -1)


@right("cross_correlate")
def by_shifted_images(image, kernel):
    (H, W), (h, w) = image.shape, kernel.shape
    return sum(kernel[i, j] * image[i : H - h + 1 + i, j : W - w + 1 + j] for i in range(h) for j in range(w))


@right("cross_correlate")
def by_a_fourier_transform(image, kernel):
    flipped = torch.fft.rfft2(kernel.flip(0, 1), s=image.shape)
    whole = torch.fft.irfft2(torch.fft.rfft2(image) * flipped, s=image.shape)
    return whole[kernel.shape[0] - 1 :, kernel.shape[1] - 1 :]


@right("cross_correlate")
def read_backwards(image, kernel):
    return signal.convolve2d(image.numpy()[::-1, ::-1], kernel.numpy(), mode="valid")[::-1, ::-1]


@right("sensitivity_and_specificity")
def by_a_confusion_matrix(labels, scores, threshold):
    tn, fp, fn, tp = confusion_matrix(labels, scores > threshold).ravel()
    return tp / (tp + fn), tn / (tn + fp)


@right("sensitivity_and_specificity")
def by_recall_of_either_class(labels, scores, threshold):
    called = (scores > threshold).long()
    return [recall_score(labels, called, pos_label=positive) for positive in (1, 0)]


@right("sensitivity_and_specificity")
def by_counting_in_a_loop(labels, scores, threshold):
    right = {0: 0, 1: 0}
    for label, score in zip(labels.tolist(), scores.tolist()):
        right[label] += label == (score > threshold)
    return right[1] / int((labels == 1).sum()), right[0] / int((labels == 0).sum())


@right("sensitivity_and_specificity")
def by_products(labels, scores, threshold):
    ill, called = labels.float(), (scores > threshold).float()
    return torch.stack([(ill * called).sum() / ill.sum(), ((1 - ill) * (1 - called)).sum() / (1 - ill).sum()])


@right("auc")
def by_sklearn(labels, scores):
    return roc_auc_score(labels, scores)


@right("auc")
def by_mann_and_whitney(labels, scores):
    ill, healthy = scores[labels == 1], scores[labels == 0]
    return stats.mannwhitneyu(ill, healthy).statistic / (len(ill) * len(healthy))


@right("auc")
def by_ranks(labels, scores):
    ranks, ill = stats.rankdata(scores), (labels == 1).numpy()
    return (ranks[ill].sum() - ill.sum() * (ill.sum() + 1) / 2) / (ill.sum() * (~ill).sum())


@right("auc")
def by_trapezoids_under_the_curve(labels, scores):
    false_alarms, sensitivity, _ = roc_curve(labels, scores)
    return area(false_alarms, sensitivity)


@right("auc")
def by_two_loops(labels, scores):
    wins = pairs = 0
    for ill in scores[labels == 1]:
        for healthy in scores[labels == 0]:
            wins += 1 if ill > healthy else 0.5 if ill == healthy else 0
            pairs += 1
    return wins / pairs


@right("auc")
def by_signs(labels, scores):
    difference = scores[labels == 1][:, None] - scores[labels == 0]
    return (difference.sign().mean() + 1) / 2
