"""Webhooks and the log of what was sent: leads set them up, test them, and send again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from moderation.models import Decision, Delivery, Webhook
from moderation.services.integration import webhook_secrets, webhooks

from . import cells
from .keyset import SEARCHED, KeysetAdmin
from .lists import ReadOnlyAdmin
from .person import person

CHANGE = "moderation.change_webhook"


class WebhookForm(forms.ModelForm):
    class Meta:
        model = Webhook
        fields = ("name", "url", "is_active")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            user = urlsplit(url).username
        except ValueError as error:  # such as https://[::1
            raise forms.ValidationError("Enter a valid address.") from error
        if user is not None:
            raise forms.ValidationError(
                "The address holds a user name; leave it out, the signature shows who sends."
            )
        return url


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin):
    """An address that learns of decisions. Its secret is shown when it is made, and then never."""

    form = WebhookForm
    list_display = ("name", "url", "is_active", "created_by", "created_at")
    readonly_fields = ("created_by", "created_at")
    change_form_template = "admin/webhooks/change_form.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Webhook | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its log would go with it; one that is not wanted is made inactive."""
        return False

    def get_urls(self) -> list[URLPattern]:
        def guarded(view: Callable[..., HttpResponse]) -> Any:
            def checked(request: HttpRequest, pk: int) -> HttpResponse:
                if not request.user.has_perm(CHANGE):
                    raise PermissionDenied
                return view(request, get_object_or_404(Webhook, pk=pk))

            return self.admin_site.admin_view(require_POST(never_cache(checked)))

        return [
            path("<int:pk>/rotate/", guarded(self.rotate), name="moderation_webhook_rotate"),
            path("<int:pk>/ping/", guarded(self.ping), name="moderation_webhook_ping"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        webhook = self.get_object(request, object_id)
        context = {
            "may_change_webhook": request.user.has_perm(CHANGE),
            "secret_is_lost": webhook_secrets.is_lost(webhook) if webhook else "",
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = person(request)
            webhook_secrets.give_new(obj)
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the secret, instead of a way on: it is never stored in a message."""
        return never_cache(self._secret)(request, obj)

    # ── Buttons ───────────────────────────────────────────────────────────────────────────────
    def rotate(self, request: HttpRequest, webhook: Webhook) -> HttpResponse:
        """A new secret, shown once."""
        webhooks.rotate(webhook)
        self.log_change(request, webhook, "New secret.")
        return self._secret(request, webhook)

    def ping(self, request: HttpRequest, webhook: Webhook) -> HttpResponse:
        """Send a test and say what came of it."""
        row = webhooks.ping(webhook)
        if row.state == Delivery.State.SENT:
            messages.success(request, f"The test arrived: answered {row.answer_status}.")
        else:
            messages.error(request, f"The test did not arrive. {row.error}")
        address = reverse("admin:moderation_webhook_change", args=[webhook.pk])
        return HttpResponseRedirect(address)

    def _secret(self, request: HttpRequest, webhook: Webhook) -> HttpResponse:
        context = {
            "opts": self.opts,
            "title": f"Secret of {webhook.name}",
            "webhook": webhook,
            "secret": webhooks.secret_of(webhook),
        }
        frame = self.admin_site.each_context(request)
        return TemplateResponse(request, "admin/webhooks/secret.html", frame | context)


@admin.register(Delivery)
class DeliveryAdmin(KeysetAdmin, ReadOnlyAdmin):
    """The log: what was told to whom, when, and how it was answered.

    Left out is what was said of products about which the reader may be asked blind now.
    """

    list_display = (
        *("created_at", "event", "about", "webhook", "state_cell"),
        *("attempts", "answer_status", "due_at", "sent_at"),
    )
    list_filter = ("state", "event", "webhook")
    list_select_related = ("webhook",)
    product_path = "decision__analysis__product__"
    search_fields = ("decision__analysis__product__external_id",)
    search_words = ("appeal__reference",)
    search_help_text = (
        "Product id (or its beginning) or seller; "
        f"else an appeal's reference in the newest {SEARCHED:,}"
    )
    actions = ("send_again",)
    fields = (
        *("event", "event_id", "webhook", "decision", "appeal", "payload", "state"),
        *("attempts", "answer_status", "error", "due_at", "tried_at", "sent_at", "created_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        shown = Decision.objects.may_be_shown(to=person(request))
        may_be_shown = Q(decision=None) | Exists(shown.filter(pk=OuterRef("decision")))
        return super().get_queryset(request).filter(may_be_shown)

    @admin.display(description="About")
    def about(self, row: Delivery) -> str:
        data = row.payload.get("data", {})
        return str(data.get("reference") or data.get("product_id") or "–")

    @admin.display(description="State")
    def state_cell(self, row: Delivery) -> SafeString:
        kinds = {Delivery.State.SENT: "passed", Delivery.State.FAILED: "flagged"}
        kind = kinds.get(Delivery.State(row.state), "")
        return cells.badge(row.get_state_display(), kind)

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE)

    @admin.action(description="Send again", permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """With the worker's next sweep, under the same ids."""
        done = 0
        for row in queryset:
            try:
                webhooks.replay(row)
            except webhooks.WebhookError as error:
                messages.error(request, str(error))
            else:
                done += 1
        if done:
            plural = "" if done == 1 else "s"
            messages.success(request, f"{done} message{plural} will be sent within a minute.")
