"""Attention multiplied through the blocks of a transformer, as a method of attribution."""

from ...errors import InputError
from ..attention import is_transformer, rollout_maps
from .method import METHODS, Method


def _attention_rollout(seen, x, target, layer, options):
    return rollout_maps(seen.net, x)


def _needs_attention(seen, dims):
    if not is_transformer(seen.net):
        raise InputError(
            "attention_rollout needs a transformer that returns its attention, and this model is none; build 'vit' or"
            " 'hybrid', or choose one of"
            f" {', '.join(name for name, method in METHODS.items() if not method.needs_attention)}"
        )


ATTENTION_ROLLOUT = Method(
    "Attention rollout",
    "Where the tokens of a transformer look, multiplied through its blocks. It is the same for every class.",
    "Abnar & Zuidema, ACL 2020, arXiv:2005.00928",
    _attention_rollout,
    signed=False,
    regional=False,
    needs_gradient=False,
    needs_attention=True,
    guard=_needs_attention,
)
