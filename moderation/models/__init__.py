"""The tables: what is sold, what the model said, what people decided, which model it was."""

from .analysis import Analysis, Embedding, WorkerBeat
from .catalog import Category, Product
from .review import Decision, ReviewItem, Skip
from .training import TrainingRun
from .versions import AutomaticAction, Evaluation, ModelVersion, ShadowReport, VersionEvent

__all__ = [
    "Analysis",
    "AutomaticAction",
    "Category",
    "Decision",
    "Embedding",
    "Evaluation",
    "ModelVersion",
    "Product",
    "ReviewItem",
    "ShadowReport",
    "Skip",
    "TrainingRun",
    "VersionEvent",
    "WorkerBeat",
]
