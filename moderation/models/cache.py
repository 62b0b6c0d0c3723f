"""The table of Django's cache in the database."""

from django.db import models


class CacheEntry(models.Model):
    """A row of Django's `DatabaseCache`, which alone reads and writes it; a model for `migrate`.

    It is no state: all of it may be deleted at any time.
    """

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "moderation_cache"
        default_permissions = ()

    def __str__(self) -> str:
        return self.cache_key
