"""Appeals: what was judged beside what there is now, and the buttons for somebody else."""

from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from moderation.models import Appeal, Decision
from moderation.services.integration import appeals
from moderation.services.rules import photos

from . import cells
from .lists import ReadOnlyAdmin
from .person import person

DECIDE = "moderation.decide_appeal"
UPHOLD, OVERTURN, CLOSE = "uphold", "overturn", "close"


@admin.register(Appeal)
class AppealAdmin(ReadOnlyAdmin):
    """The shop files them; here they are read and decided."""

    list_display = ("reference", "product", "state_cell", "verdict", "filed_at", "decided_by")
    list_filter = ("state",)
    list_select_related = ("decision__analysis__product", "decided_by")
    search_fields = ("=reference", "=decision__analysis__product__external_id")
    search_help_text = "Reference or product id"

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(require_POST(self.decide))
        return [
            path("<int:pk>/decide/", decide, name="moderation_appeal_decide"),
            *super().get_urls(),
        ]

    @admin.display(description="Product")
    def product(self, appeal: Appeal) -> str:
        return appeal.decision.analysis.product.external_id

    @admin.display(description="State", ordering="state")
    def state_cell(self, appeal: Appeal) -> SafeString:
        kind = "active" if appeal.state == Appeal.State.OPEN else ""
        return cells.badge(appeal.get_state_display(), kind)

    @admin.display(description="Appealed decision")
    def verdict(self, appeal: Appeal) -> str:
        return appeal.decision.get_verdict_display()

    def shown(self, request: HttpRequest, row: Appeal) -> HttpResponse:
        return self._page(request, row)

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Uphold, overturn or close; 400 for a wrong form, 409 where that is possible no more."""
        if not request.user.has_perm(DECIDE) or not isinstance(request.user, User):
            raise PermissionDenied
        appeal = get_object_or_404(Appeal, pk=pk)
        outcome = request.POST.get("outcome")
        if outcome not in (UPHOLD, OVERTURN, CLOSE):
            return self._page(request, appeal, error="Uphold or overturn the decision.", status=400)
        answer = request.POST.get("answer", "").strip()
        try:
            if outcome == CLOSE:
                appeals.close(appeal, by=request.user, answer=answer)
            else:
                appeals.decide(
                    appeal,
                    by=request.user,
                    overturn=outcome == OVERTURN,
                    answer=answer,
                    reason=request.POST.get("reason", ""),
                    wrong_side=request.POST.get("wrong_side", ""),
                )
        except appeals.AppealConflict as error:
            return self._page(request, appeal, error=str(error), status=409)
        except appeals.AppealError as error:
            return self._page(request, appeal, error=str(error), status=400)
        messages.success(request, f"{appeal}: {appeal.get_state_display().lower()}.")
        return HttpResponseRedirect(reverse("admin:moderation_appeal_changelist"))

    def _page(
        self, request: HttpRequest, appeal: Appeal, *, error: str = "", status: int = 200
    ) -> HttpResponse:
        appeal = Appeal.objects.select_related(
            "decision__moderator",
            "decision__analysis__product__category",
            "decided_by",
            "filed_by",
            "outcome",
        ).get(pk=appeal.pk)
        product, kept = appeal.decision.analysis.product, appeal.evidence
        verdict = appeals.opposite(appeal.decision)
        is_open = appeal.state == Appeal.State.OPEN
        is_fallen = is_open and not appeals.stands(appeal.decision)
        refusal = appeals.why_not(appeal, by=person(request)) if is_open and not is_fallen else ""
        context = {
            "opts": self.opts,
            "title": str(appeal),
            "appeal": appeal,
            "decision": appeal.decision,
            "kept": kept,
            "kept_image": photos.url(kept["image"]) if kept["image"] else "",
            "product": product,
            "is_changed": product.content_hash != kept["content_hash"],
            "is_fallen": is_fallen,
            "refusal": refusal,
            "may_decide": is_open and not is_fallen and not refusal,
            "may_close": is_fallen and request.user.has_perm(DECIDE),
            "error": error,
            "verdict": verdict,
            "reasons": [(one.value, one.label) for one in verdict.reasons],
            "sides": Decision.Side.choices if verdict == Decision.Verdict.CONFIRM else [],
            "written": request.POST,
            "answer_length": appeals.ANSWER_LENGTH,
        }
        frame = self.admin_site.each_context(request)
        return TemplateResponse(request, "admin/appeals/page.html", frame | context, status=status)
