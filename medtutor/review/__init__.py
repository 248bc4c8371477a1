"""The review as data: claims, the rule each is judged by, the evidence, the verdict.

    from medtutor.review import claim

    claim("cnn-beats-mlp")        # a card with evidence and verdict

The experiments are in `medtutor.review.trials`, which loads torch.
"""

from .card import pivot
from .claims import Claim, Rule, Verdict, claim, claims, judge, verdict
from .evidence import Contrast, Evidence, read_evidence

__all__ = ["Claim", "Contrast", "Evidence", "Rule", "Verdict", "claim", "claims", "judge", "pivot", "read_evidence", "verdict"]
