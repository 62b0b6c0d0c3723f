"""The tables: what is sold, what the model said, what people decided, which model it was."""

from .analysis import Analysis, Embedding, Heartbeat, WorkPause
from .appeal import Appeal
from .cache import CacheEntry
from .catalog import Category, Product, content_hash
from .decision import Decision, Skip
from .erasure import Erasure
from .explanation import Explanation
from .folded import key_of
from .further_photos import FurtherPhoto, photos_hash
from .outgoing import Delivery, Webhook
from .photos import PhotoHost, ProductPhoto
from .review import ReviewItem
from .rights import GivenRight
from .second_verdict import SecondVerdict
from .similar import PhotoSignature, SimilarGroup
from .sources import CatalogueSource, SourceListing, SourceRun
from .tokens import ApiToken, Scope, TokenScope
from .training import TrainingRun
from .versions import AutomaticAction, Evaluation, ModelVersion, ShadowReport, VersionEvent
from .workplace import QueuePreferences, SavedView

__all__ = [
    "Analysis",
    "ApiToken",
    "Appeal",
    "AutomaticAction",
    "CacheEntry",
    "CatalogueSource",
    "Category",
    "Decision",
    "Delivery",
    "Embedding",
    "Erasure",
    "Evaluation",
    "Explanation",
    "FurtherPhoto",
    "GivenRight",
    "Heartbeat",
    "ModelVersion",
    "PhotoHost",
    "PhotoSignature",
    "Product",
    "ProductPhoto",
    "QueuePreferences",
    "ReviewItem",
    "SavedView",
    "Scope",
    "SecondVerdict",
    "ShadowReport",
    "SimilarGroup",
    "Skip",
    "SourceListing",
    "SourceRun",
    "TokenScope",
    "TrainingRun",
    "VersionEvent",
    "Webhook",
    "WorkPause",
    "content_hash",
    "key_of",
    "photos_hash",
]
