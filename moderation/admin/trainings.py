"""Trainings in the admin: ask for one, watch it, cancel it, and read how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from moderation.clip.errors import ModelError
from moderation.models import TrainingRun
from moderation.services.learning import readiness, training
from moderation.services.learning.training import TrainingRefused

from . import cells
from .lists import ReadOnlyAdmin
from .person import person
from .training_state import PROMOTE, TRAIN, address, kind, start, state


class TrainingForm(forms.Form):
    """What to train; only the mode matters, the rest has good defaults."""

    mode = forms.ChoiceField(
        choices=TrainingRun.Mode.choices,
        initial=TrainingRun.Mode.AUTO,
        help_text="Leave the choice to clipmod unless you know better; it says why it chose.",
    )
    minutes = forms.FloatField(
        required=False,
        min_value=0.1,
        label="Minutes at most",
        help_text="Ends early and keeps the best so far. Empty: as long as it takes.",
    )
    epochs = forms.IntegerField(required=False, min_value=1, max_value=1000)
    batch_size = forms.IntegerField(required=False, min_value=1, max_value=4096)
    learning_rate = forms.FloatField(required=False, min_value=1e-9, max_value=1)
    seed = forms.IntegerField(
        initial=0, min_value=0, help_text="The same seed and data give the same weights on a CPU."
    )


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    """The list of trainings and their pages; who may train starts and cancels them."""

    list_display = ("name", "status_cell", "mode", "base", "version", "requested_by", "created_at")
    list_filter = ("status", "mode")
    list_select_related = ("base", "version", "requested_by")
    change_list_template = "admin/training/list.html"

    @admin.display(description="Training")
    def name(self, run: TrainingRun) -> str:
        return f"Training {run.pk}"

    @admin.display(description="Status", ordering="status")
    def status_cell(self, run: TrainingRun) -> SafeString:
        return cells.badge(run.get_status_display(), kind(run))

    def get_urls(self) -> list[URLPattern]:
        def guarded(view: Callable[..., HttpResponse], *, right: str = TRAIN) -> Any:
            def checked(request: HttpRequest, **named: Any) -> HttpResponse:
                if not request.user.has_perm(right):
                    raise PermissionDenied
                return view(request, **named)

            return self.admin_site.admin_view(checked)

        see = "moderation.view_trainingrun"
        return [
            path("new/", guarded(self.new), name="moderation_trainingrun_new"),
            path(
                "improve/",
                guarded(require_POST(self.improve)),
                name="moderation_trainingrun_improve",
            ),
            path(
                "<int:pk>/cancel/",
                guarded(require_POST(self.cancel)),
                name="moderation_trainingrun_cancel",
            ),
            path(
                "<int:pk>/resume/",
                guarded(require_POST(self.resume)),
                name="moderation_trainingrun_resume",
            ),
            path(
                "<int:pk>/progress/",
                guarded(require_GET(self.progress), right=see),
                name="moderation_trainingrun_progress",
            ),
            *super().get_urls(),
        ]

    # ── Pages ─────────────────────────────────────────────────────────────────────────────────
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, start(request) | (extra_context or {}))

    def shown(self, request: HttpRequest, row: TrainingRun) -> HttpResponse:
        """The page of one training instead of a form; it is live while the training runs."""
        title = f"Training {row.pk}"
        return self._page(request, "admin/training/run.html", state(row), title=title)

    def new(self, request: HttpRequest) -> HttpResponse:
        """The form, and what there is to learn from."""
        form = TrainingForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            wishes = dict(form.cleaned_data)
            if (answer := self._ask(request, mode=wishes.pop("mode"), options=wishes)) is not None:
                return answer
        return self._page(
            request,
            "admin/training/new.html",
            {"form": form, "readiness": readiness.readiness()},
            title="Train a new version",
            status=400 if form.errors else 200,
        )

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far it is, as a piece of HTML for the page's script."""
        run = get_object_or_404(TrainingRun, pk=pk)
        html = render_to_string("admin/training/live.html", state(run), request=request)
        return JsonResponse({"html": html, "live": bool(run.live), "status": run.status})

    # ── Buttons ───────────────────────────────────────────────────────────────────────────────
    def improve(self, request: HttpRequest) -> HttpResponse:
        """The whole loop, in the background: train, evaluate, promote if better, re-score."""
        promote = request.user.has_perm(PROMOTE)
        options = {"improve": True, "promote": promote, "seed": 0}
        answer = self._ask(request, mode=TrainingRun.Mode.AUTO, options=options)
        if answer is None:
            return HttpResponseRedirect(reverse("admin:moderation_trainingrun_changelist"))
        if not promote:
            messages.info(request, "You may not promote versions: it ends with a candidate.")
        return answer

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = get_object_or_404(TrainingRun, pk=pk)
        if run.live:
            training.cancel(run)
            messages.success(
                request, "Cancelled." if not run.live else "It stops at its next step."
            )
        else:
            messages.info(request, f"Training {run.pk} has ended already.")
        return HttpResponseRedirect(address(run))

    def resume(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = get_object_or_404(TrainingRun, pk=pk)
        promotes = run.options.get("improve") and run.options.get("promote", True)
        if promotes and not request.user.has_perm("moderation.promote"):
            messages.error(
                request,
                f"Training {run.pk} promotes what it makes: somebody who may promote can let it "
                "go on.",
            )
            return HttpResponseRedirect(address(run))
        try:
            training.resume(run)
        except TrainingRefused as refused:
            messages.error(request, str(refused))
        return HttpResponseRedirect(address(run))

    def _ask(
        self, request: HttpRequest, *, mode: str, options: dict[str, Any]
    ) -> HttpResponse | None:
        """Queue a training and go to its page; None, with a message, where it is refused."""
        try:
            run = training.request(mode=mode, options=options, by=person(request))
        except (TrainingRefused, ModelError) as refused:
            messages.error(request, str(refused))
            return None
        return HttpResponseRedirect(address(run))

    def _page(
        self,
        request: HttpRequest,
        template: str,
        context: dict[str, Any],
        *,
        title: str,
        status: int = 200,
    ) -> HttpResponse:
        frame = self.admin_site.each_context(request) | {"opts": self.opts, "title": title}
        return TemplateResponse(request, template, frame | start(request) | context, status=status)
