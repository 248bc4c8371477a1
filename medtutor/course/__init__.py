"""What makes a notebook a lesson: predictions, checks, quizzes, and the builder."""

from .check import Exercise, Mistake, check
from .prediction import Prediction
from .quiz import Quiz

__all__ = ["Exercise", "Mistake", "Prediction", "Quiz", "check"]
