"""The tables: what is sold, what the model said, what people decided, which model it was."""

from .analysis import Analysis, Embedding, Heartbeat
from .appeal import Appeal
from .cache import CacheEntry
from .catalog import Category, Product
from .decision import Decision, Skip
from .explanation import Explanation
from .outgoing import Delivery, Webhook
from .review import ReviewItem
from .similar import PhotoSignature, SimilarGroup
from .training import TrainingRun
from .versions import AutomaticAction, Evaluation, ModelVersion, ShadowReport, VersionEvent
from .workplace import QueuePreferences, SavedView

__all__ = [
    "Analysis",
    "Appeal",
    "AutomaticAction",
    "CacheEntry",
    "Category",
    "Decision",
    "Delivery",
    "Embedding",
    "Evaluation",
    "Explanation",
    "Heartbeat",
    "ModelVersion",
    "PhotoSignature",
    "Product",
    "QueuePreferences",
    "ReviewItem",
    "SavedView",
    "ShadowReport",
    "SimilarGroup",
    "Skip",
    "TrainingRun",
    "VersionEvent",
    "Webhook",
]
