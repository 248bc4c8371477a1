"""Why a model said so: attribution methods, and scores that say how far to trust each map."""

from .attention import AttentionWeights, attention_of, receptive_field, rollout
from .attribution import Attribution, explain, explain_batch
from .maps import agreement, edge_map, pointing_game, random_map, relevance_mass, similarity
from .methods import BASELINES, METHODS, methods_for
from .overlay import colours, overlay
from .parts import Background, ShapleyValues, shapley_values
from .randomisation import Stage, cascade, randomised, weighted_layers
from .scores import Curve, Scores, deletion, infidelity, insertion, score, sensitivity
from .subject import Target, layers
from .trust import trust_table

__all__ = [
    "BASELINES",
    "METHODS",
    "AttentionWeights",
    "Attribution",
    "Background",
    "Curve",
    "Scores",
    "ShapleyValues",
    "Stage",
    "Target",
    "agreement",
    "attention_of",
    "cascade",
    "colours",
    "deletion",
    "edge_map",
    "explain",
    "explain_batch",
    "infidelity",
    "insertion",
    "layers",
    "methods_for",
    "overlay",
    "pointing_game",
    "random_map",
    "randomised",
    "receptive_field",
    "relevance_mass",
    "rollout",
    "score",
    "sensitivity",
    "shapley_values",
    "similarity",
    "trust_table",
    "weighted_layers",
]
