"""Tokens of the API: made with scopes and shown once, narrowed, and revoked by deleting them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from knox import admin as knox_admin  # noqa: F401 - registers the page replaced here
from knox.models import AuthToken

from moderation.models import ApiToken, Scope, TokenScope
from moderation.services.integration import tokens

from . import cells
from .person import person

admin.site.unregister(AuthToken)


class TokenForm(forms.ModelForm):
    name = forms.CharField(
        max_length=TokenScope._meta.get_field("name").max_length,
        required=False,
        help_text="What it is for, such as “nightly import”.",
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="What it may do, of what its user may.",
        error_messages={"required": "Choose at least one scope."},
    )

    class Meta:
        model = ApiToken
        fields = ("user", "expiry")
        labels = {"expiry": "Expires"}
        help_texts = {"expiry": "Empty: never. An expired token is answered 401."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["name"] = tokens.name_of(self.instance)
            self.initial["scopes"] = tokens.scopes_of(self.instance)

    def clean_expiry(self) -> Any:
        expiry = self.cleaned_data["expiry"]
        if expiry is not None and "expiry" in self.changed_data and expiry <= timezone.now():
            raise forms.ValidationError("This time is over; give one to come, or none for ever.")
        return expiry


@admin.register(ApiToken)
class TokenAdmin(admin.ModelAdmin):
    """What each token may do and how long. A program that sends a deleted one is answered 401."""

    form = TokenForm
    list_display = ("named", "user", "scopes", "created", "expires")
    list_select_related = ("user", "scope")
    ordering = ("-created",)
    search_fields = ("user__username", "scope__name")
    search_help_text = "User or name"
    raw_id_fields = ("user",)  # the other widget fails where an odd value is sent for it
    fields = ("user", "name", "scopes", "expiry")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user",) if obj else ()

    @admin.display(description="Name", ordering="scope__name")
    def named(self, token: ApiToken) -> str:
        return str(token)

    # Their names are those of the form's fields: who may only look is shown these instead.
    @admin.display(description="Name")
    def name(self, token: ApiToken) -> str:
        return tokens.name_of(token)

    @admin.display(description="Scopes")
    def scopes(self, token: ApiToken) -> str:
        return ", ".join(tokens.scopes_of(token))

    @admin.display(description="Expires", ordering="expiry", empty_value="never")
    def expires(self, token: ApiToken) -> Any:
        if token.expiry is not None and token.expiry <= timezone.now():
            return _EXPIRED
        return token.expiry

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        wanted = {name: form.cleaned_data[name] for name in ("scopes", "name")}
        if change:
            super().save_model(request, obj, form, change)
            tokens.change(obj, by=person(request), **wanted)
            return
        made, obj.shown_once = tokens.create(
            obj.user, expires_at=obj.expiry, by=person(request), **wanted
        )
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        tokens.revoke(obj, by=person(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            tokens.revoke(token, by=person(request))

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the token, instead of a way on: it is never stored in a message."""
        return never_cache(self._made)(request, obj)

    def _made(self, request: HttpRequest, obj: Any) -> HttpResponse:
        context = {"opts": self.opts, "title": "Token made", "token": obj}
        frame = self.admin_site.each_context(request)
        return TemplateResponse(request, "admin/tokens/made.html", frame | context)


_EXPIRED: SafeString = cells.badge("expired", "flagged")
