"""Listings whose content is gone for good, and who wanted that."""

from django.conf import settings
from django.db import models

from .catalog import Product


class Erasure(models.Model):
    """That a product was erased: its row stays for its decisions, without content.

    The database lets go of the notes of decisions on products that have a row here.
    """

    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="erasure")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"Erasure of {self.product_id}"
