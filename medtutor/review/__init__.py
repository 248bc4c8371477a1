"""The review as data: claims, the rule each is judged by, the evidence, the answer.

    from medtutor.review import claim

    claim("cnn-beats-mlp")        # a card with evidence and answer

    side_by_side()                # every family that classifies, its AUC and its cost

The experiments are in `medtutor.review.trials`, which loads torch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .claims import Claim, claim, claims
from .evidence import Contrast, Evidence, read_evidence
from .render import pivot
from .rule import Rule
from .verdict import ANSWERS, Reading, Verdict, judge, verdict

if TYPE_CHECKING:
    from .families import SideBySide


def side_by_side(timed: bool = True, report: Callable[[str], object] | None = None) -> "SideBySide":
    """All families that classify, side by side: see `medtutor.review.families`.

    >>> from medtutor.review import side_by_side
    >>> table = side_by_side(timed=False)
    >>> {row.family for row in table.of("pneumoniamnist")} >= {"CNN", "ViT", "hybrid"}
    True
    """
    from .families import side_by_side as made  # it loads torch and every model

    return made(timed, report)


__all__ = [
    "ANSWERS",
    "Claim",
    "Contrast",
    "Evidence",
    "Reading",
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
