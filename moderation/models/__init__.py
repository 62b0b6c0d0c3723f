"""The tables: what is sold, what the model said, what people decided, which model it was."""

from .analysis import Analysis, Embedding, WorkerBeat
from .catalog import Category, Product
from .review import Decision, ReviewItem, Skip
from .training import ModelVersion

__all__ = [
    "Analysis",
    "Category",
    "Decision",
    "Embedding",
    "ModelVersion",
    "Product",
    "ReviewItem",
    "Skip",
    "WorkerBeat",
]
