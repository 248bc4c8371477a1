"""The review as data: claims, the rule each is judged by, the evidence, the verdict.

    from medtutor.review import claim

    claim("cnn-beats-mlp")        # a card with evidence and verdict

    side_by_side()                # every family that classifies, its AUC and its cost

The experiments are in `medtutor.review.trials`, which loads torch.
"""

from .claims import Claim, Rule, Verdict, claim, claims, judge, verdict
from .evidence import Contrast, Evidence, read_evidence
from .render import pivot


def side_by_side(timed=True, report=None):
    """All families that classify, side by side: see `medtutor.review.families`."""
    from .families import side_by_side as made  # it loads torch and every model

    return made(timed, report)


__all__ = [
    "Claim",
    "Contrast",
    "Evidence",
    "Rule",
    "Verdict",
    "claim",
    "claims",
    "judge",
    "pivot",
    "read_evidence",
    "side_by_side",
    "verdict",
]
