"""One look of a transformer: where a patch, or the answer, looks in one block; in maps and in words."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..explanation.attention import ANSWER, AttentionWeights
from .attention_parts import place, sides

MEAN, ROLLOUT, TO_ANSWER = "mean of heads", "rollout from there", "rollout to the answer"


@dataclass(frozen=True, eq=False)
class Look:
    """Where a query looks in one block.

    query     (row, column) from 0, or "answer"
    block     from 1
    evidence  bool (H, W): what decides, all False where nothing does; None where that is not known
    window    tokens along a side of the windows of a `WindowedViT`, None for other models
    inside    (rows, columns) of patches that show something of the image
    """

    weights: AttentionWeights
    query: Any
    block: int
    evidence: Any
    window: int | None
    inside: tuple

    @cached_property
    def maps(self) -> dict:
        """{title: float32 (rows, columns)}."""
        block, query, weights = self.block - 1, self.query, self.weights
        heads = {f"head {head + 1}": weights.seen_from(query, block, head) for head in range(weights.heads)}
        rollouts = {ROLLOUT: weights.rollout(query, self.block), TO_ANSWER: weights.rollout()}
        return {**heads, MEAN: weights.seen_from(query, block), **rollouts}

    @cached_property
    def even_share(self) -> float:
        """What each place would get of an even look: of a window only those inside."""
        if self.window is not None and self.query != ANSWER:
            return 1 / int((self.maps[MEAN] > 0).sum())
        return 1 / self.weights.weights.shape[-1]

    @property
    def looker(self) -> str:
        """Who looks."""
        if self.query != ANSWER:
            return f"the patch in {place(self.query)}"
        return f"the answer ({'the class token' if self.weights.class_token else 'the mean over all tokens'})"

    def on_evidence(self, title: str) -> float:
        """The share of a map that falls on the evidence."""
        return on_evidence(self.maps[title], self.evidence, self.weights.covers)

    def caption(self, title: str) -> str:
        """Where a map is highest, and what of it falls on the evidence."""
        spot, share = most(self.maps[title])
        there = self.evidence is not None and bool(self.evidence.any())
        return f"{place(spot)}: {share:.1%}" + (f"; {self.on_evidence(title):.1%} on the evidence" if there else "")

    def sentences(self) -> list[str]:
        """What is to be said of it."""
        return [self._most(), *self._of_evidence(), *self._of_window(), *self._beyond()]

    def _most(self):
        """Where the query looks most."""
        mean, block = self.maps[MEAN], self.block
        heads = {title: seen for title, seen in self.maps.items() if title.startswith("head")}
        sharpest = max(heads, key=lambda title: float(heads[title].max()))
        spot, share = most(mean)
        words = (
            f"In block {block} {self.looker} looks most at {place(spot)}: {share:.1%} of its attention, mean of"
            f" heads; an even look would give {self.even_share:.1%} to each. The sharpest look is that of {sharpest},"
            f" {most(heads[sharpest])[1]:.1%} at {place(most(heads[sharpest])[0])}."
        )
        if self.weights.class_token:
            words += f" {1 - float(mean.sum()):.1%} goes to the class token, which is no place."
        return words

    def _of_evidence(self):
        """How much of the attention falls on the evidence, where it is known."""
        if self.evidence is None:
            return []
        if not self.evidence.any():
            return ["This image holds no known evidence."]
        cover = float(self.evidence.float().mean())
        here, whole = (self.on_evidence(title) for title in (MEAN, TO_ANSWER))
        return [
            f"On the known evidence (dashed), which covers {cover:.1%} of the image, falls {here:.1%} of this look,"
            f" {here / cover:.1f} times its share, and {whole:.1%} of the rollout to the answer, {whole / cover:.1f}"
            " times."
        ]

    def _of_window(self):
        """What a window keeps out of sight."""
        if self.window is None:
            return []
        side, mean = f"{self.window} x {self.window} tokens", self.maps[MEAN]
        if self.query == ANSWER:
            return [f"No token looks beyond its window of {side}; the mean over all tokens covers every window."]
        if mean.all():
            return [f"A window of {side} holds every place: there is nothing outside of it."]
        return [
            f"This model looks inside windows of {side} only: outside the window of the patch, in this block"
            f" {int((mean == 0).sum())} of {mean.numel()} places, every weight is exactly 0. Every second block moves"
            " the windows, so a rollout through several blocks goes beyond."
        ]

    def _beyond(self):
        """What goes to patches with nothing of the image in them."""
        mean, (rows, columns) = self.maps[MEAN], self.inside
        if (rows, columns) == tuple(mean.shape):
            return []
        share = 1 - float(mean[:rows, :columns].sum() / mean.sum())
        return [
            f"The grid has {sides(mean.shape)} patches; {share:.1%} of this look goes to those beyond the image, all"
            " black."
        ]


def on_evidence(seen: torch.Tensor, evidence: torch.Tensor, covers: tuple | None = None) -> float:
    """The share of a map (rows, columns) that falls on the evidence, bool (H, W): 0…1.

    What a patch gets counts as spread evenly over its pixels. What goes to a class token is
    no part of a map, so the share is of what goes to patches. `covers` as of `AttentionWeights`.
    """
    height, width = evidence.shape
    down, across = covers or evidence.shape
    whole = F.pad(evidence.float(), (0, across - width, 0, down - height))
    covered = F.adaptive_avg_pool2d(whole[None, None], (seen.shape[0], seen.shape[1]))[0, 0]
    return float((seen * covered).sum() / seen.sum().clamp(min=1e-12))


def most(seen: torch.Tensor) -> tuple:
    """((row, column), share): where a map is highest."""
    return divmod(int(seen.argmax()), seen.shape[1]), float(seen.max())


def predicted(card, answer: list, label) -> str:
    """What is predicted, and the label.

    answer  probabilities of the classes, or the number of a regression
    label   as of a `Case`
    """
    classes = card.classes
    if card.task == "regression":
        return f"predicted {answer[0]:.3g}; the label is {label:.3g}."
    best = int(np.argmax(answer))
    if card.task == "multi-label":
        called = [number for number, value in enumerate(answer) if value > 0.5] or [best]
        each = ", ".join(f"{classes[number]} with probability {answer[number]:.3f}" for number in called)
        return f"predicted {each}; the labels are: {', '.join(classes[number] for number in label) or 'none'}."
    wrong = "" if best == label else ": the model is wrong"
    return f"predicted {classes[best]} with probability {answer[best]:.3f}; the label is {classes[label]}{wrong}."
