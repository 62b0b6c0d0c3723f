"""Where listings come from again and again: how their files are read, and what each run did."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from .catalog import Product


class CatalogueSource(models.Model):
    """A file, folder or feed by name, with what its columns mean."""

    class Missing(models.TextChoices):
        """What becomes of listings that a run does not find any more."""

        KEEP = "keep", "Keep them"
        WITHDRAW = "withdraw", "Withdraw them"

    name = models.CharField(max_length=100, unique=True)
    profile = models.CharField(
        max_length=20, blank=True, help_text="Empty: recognised by the columns."
    )
    columns = models.JSONField(
        default=dict,
        blank=True,
        help_text="Role to columns, where that is not as the profile says: "
        '{"title": ["Name"], "photos": ["Photo 1", "Photo 2"]}.',
    )
    address = models.CharField(
        max_length=2000,
        blank=True,
        help_text="A file or folder of this machine, or an https address; empty: its files are "
        "given by hand.",
    )
    every_hours = models.PositiveSmallIntegerField(
        "runs every",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Hours; empty: by hand only.",
    )
    guess_categories = models.BooleanField(
        "guess its categories",
        default=False,
        db_default=False,
        help_text="Category names that are new become guesses of the model; else they are there "
        "for filters and thresholds alone.",
    )
    missing = models.CharField(
        "listings that are gone", max_length=10, choices=Missing, default=Missing.KEEP
    )
    most_missing_share = models.FloatField(
        default=0.2,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Where more of its listings would be withdrawn at once, a person is asked.",
    )
    photos_every_hours = models.PositiveSmallIntegerField(
        "ask for changed photos every",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Hours. With a run, at most so often, the hosts of its photos are asked whether "
        "they have changed; empty: never.",
    )
    is_anywhere = models.BooleanField(
        default=False,
        editable=False,
        help_text="Its file or folder was named on the command line: SOURCE_ROOT does not bind it.",
    )
    next_at = models.DateTimeField(null=True, editable=False, help_text="When it runs by itself.")
    photos_asked_at = models.DateTimeField(null=True, editable=False)
    etag = models.CharField(max_length=200, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "source"
        default_permissions = ()  # who may import products may say from where
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(next_at__isnull=False), name="source_to_run"
            )
        ]

    def __str__(self) -> str:
        return self.name


class SourceRun(models.Model):
    """One reading of a source; at most one is under way."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        NOTHING_NEW = "nothing_new", "Nothing new"
        ASKS = "asks", "Asks whether to withdraw"
        FAILED = "failed", "Failed"

    source = models.ForeignKey(CatalogueSource, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who asked for it; empty: it was due.",
    )
    claimed_by = models.CharField(max_length=200, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="How many processes have begun it; those told to stop do not count."
    )
    read = models.JSONField(
        default=dict, help_text="What was read: the file's name, its bytes, whether it was whole."
    )
    known = models.PositiveIntegerField(
        null=True, help_text="Listings of the source that were offered when it began."
    )
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    bad = models.PositiveIntegerField("bad rows", default=0)
    missing = models.PositiveIntegerField(
        null=True, help_text="Listings of runs before that this one did not find; null: not known."
    )
    kept_because = models.CharField(
        max_length=500, blank=True, help_text="Why nothing was withdrawn where that was wanted."
    )
    answer = models.CharField(
        max_length=10,
        blank=True,
        choices=CatalogueSource.Missing,
        help_text="What a person said of the missing ones.",
    )
    withdrawn = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, help_text="Causes with how many rows each has.")
    error = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["source"],
                condition=Q(state__in=["waiting", "running"]),
                name="one_live_run_per_source",
            )
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} of {self.source_id} ({self.get_state_display().lower()})"


class SourceListing(models.Model):
    """That a source has this listing, and the last run that found it there."""

    source = models.ForeignKey(CatalogueSource, on_delete=models.CASCADE, related_name="listings")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="in_sources")
    run = models.ForeignKey(SourceRun, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["source", "product"], name="listing_once_per_source")
        ]
        indexes = [models.Index(fields=["source", "run"], name="source_listing_run")]

    def __str__(self) -> str:
        return f"{self.product_id} in {self.source_id}"
