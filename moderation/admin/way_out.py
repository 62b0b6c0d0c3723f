"""Products leave the catalogue: what their list offers for it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from moderation.clip.errors import ModelError
from moderation.models import Erasure, Product
from moderation.services.catalogue import erasure, withdrawal
from moderation.services.rules.photos_away import PhotosAway

from .person import person


class WaysOut(admin.ModelAdmin):
    """Withdrawn and taken back, or erased; never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was decided stays on record: a listing is withdrawn instead."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_erased = obj is not None and Erasure.objects.filter(product=obj).exists()
        return not is_erased and super().has_change_permission(request, obj)

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.erase_product")

    @admin.action(description="Withdraw: no longer offered", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        keys = list(queryset.values_list("pk", flat=True))
        count = withdrawal.withdraw(keys, by=person(request))
        said = f"Withdrawn: {count:,} of {len(keys):,} chosen."
        self.message_user(request, said, messages.SUCCESS)

    @admin.action(description="Bring back what was withdrawn", permissions=["change"])
    def bring_back(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        keys = list(queryset.values_list("pk", flat=True))
        try:
            count = withdrawal.bring_back(keys, by=person(request))
        except ModelError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        said = f"Brought back: {count:,} of {len(keys):,} chosen; their analyses are queued."
        self.message_user(request, said, messages.SUCCESS)

    @admin.action(description="Erase for good", permissions=["erase"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse | None:
        """Shows what would go and asks for the reason; with one, it goes."""
        keys, error = list(queryset.values_list("pk", flat=True)), ""
        if "reason" in request.POST:
            try:
                report = erasure.erase(keys, reason=request.POST["reason"], by=person(request))
            except (erasure.NoReason, PhotosAway) as reason:
                error = str(reason)
            else:
                self._say(request, report)
                return None
        report = erasure.look(keys)
        page = {
            "opts": self.opts,
            "title": "Erase for good",
            "counts": report.counts(),
            "data_sets": report.data_sets,
            "error": error,
            "chosen": request.POST.getlist("_selected_action"),
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(
            request,
            "admin/moderation/product/erase_confirmation.html",
            self.admin_site.each_context(request) | page,
        )

    def _say(self, request: HttpRequest, report: erasure.Report) -> None:
        self.message_user(request, f"Erased: {', '.join(report.counts())}.", messages.SUCCESS)
        for one in report.data_sets:
            self.message_user(request, f"Stays as it is: {one}", messages.WARNING)
