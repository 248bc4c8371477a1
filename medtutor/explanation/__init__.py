"""Why a model said so: attribution methods, and scores that say how far to trust each map."""

from .attribution import Attribution, explain, explain_batch, layers
from .methods import BASELINES, METHODS
from .overlay import colours, overlay
from .randomisation import Stage, cascade, randomised, weighted_layers
from .scores import (
    Curve,
    Scores,
    agreement,
    deletion,
    edge_map,
    infidelity,
    insertion,
    mass,
    pointing,
    random_map,
    score,
    sensitivity,
    similarity,
)
from .subject import Target
from .trust import trust_table

__all__ = [
    "BASELINES",
    "METHODS",
    "Attribution",
    "Curve",
    "Scores",
    "Stage",
    "Target",
    "agreement",
    "cascade",
    "colours",
    "deletion",
    "edge_map",
    "explain",
    "explain_batch",
    "infidelity",
    "insertion",
    "layers",
    "mass",
    "overlay",
    "pointing",
    "random_map",
    "randomised",
    "score",
    "sensitivity",
    "similarity",
    "trust_table",
    "weighted_layers",
]
