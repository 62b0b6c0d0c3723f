"""What a token of the API may do, beside what its user may."""

from django.db import models
from knox.models import AuthToken


class Scope(models.TextChoices):
    """What a program asks of the API; docs/rights.md says which address needs which one."""

    READ = "read", "read: products, analyses, categories, reviews, decisions, appeals"
    SUBMIT = "submit", "submit: products, appeals, photos to be judged"
    DECIDE = "decide", "decide: reviews, and taking that back"


class ApiToken(AuthToken):
    """Knox's token as people see it: by its name, not by its hash."""

    class Meta:
        proxy = True
        verbose_name = "API token"

    def __str__(self) -> str:
        row = getattr(self, "scope", None)
        return row.name if row is not None and row.name else f"of {self.user}"


class TokenScope(models.Model):
    """The name and the scopes of a token.

    A token without such a row was made before there were scopes, and has them all.
    """

    # No constraint: a release that does not know this table still deletes tokens. What it leaves
    # here is nobody's, since no digest comes twice.
    token = models.OneToOneField(
        "knox.AuthToken",
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="scope",
        db_constraint=False,
    )
    name = models.CharField(max_length=60, blank=True)
    scopes = models.CharField(max_length=200, help_text="Parted by blanks, as OAuth 2 has them.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name or self.scopes
