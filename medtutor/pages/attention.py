"""What a page shows of a transformer beside its maps: where its tokens look."""

from typing import Any

import numpy as np
import torch

from ..explanation import attention_of
from ..explanation.attention import is_transformer
from ..training.run import Run
from .fixed import export_attention
from .packing import planes, zipped


def attention(run: Run, pictures: torch.Tensor) -> tuple[dict[str, Any] | None, dict[str, bytes]]:
    """(facts, {name: bytes}): the rollout to the answer of each picture, painted before the network runs, and the graph
    of the attention weights. None and nothing for what is no transformer.

    pictures  uint8 (N, C, H, W)
    """
    if not is_transformer(run):
        return None, {}
    found = [attention_of(run, picture) for picture in pictures]
    one = found[0]
    facts = {
        "blocks": one.blocks,
        "heads": one.heads,
        "grid": list(one.grid),
        "class_token": one.class_token,
        "covers": list(one.covers or one.shape),
    }
    graph = export_attention(run.model, (run.card.channels, *run.card.shape))
    rollouts = np.stack([each.rollout().numpy() for each in found]).astype("<f4")
    return facts, {"rollouts": zipped(planes(rollouts.tobytes())), "attention": zipped(graph.files["attention"])}
