"""What makes a notebook a lesson: predictions, checks, quizzes, and the builder."""

from .check import Exercise, Mistake, check
from .glossary import glossary
from .prediction import Prediction
from .quiz import Quiz
from .twin import same_network

__all__ = ["Exercise", "Mistake", "Prediction", "Quiz", "check", "glossary", "same_network"]
