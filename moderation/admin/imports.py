"""Import by upload: a dry run shows what would happen; a second step does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from moderation.clip.errors import ModelError
from moderation.models import Product
from moderation.services.catalogue.catalogue_formats import (
    ENDINGS,
    FORMATS,
    CatalogueFileError,
    format_of,
    listed,
)
from moderation.services.catalogue.catalogue_import import import_catalogue
from moderation.services.catalogue.column_mapping import Choice
from moderation.services.catalogue.import_report import ImportReport
from moderation.services.catalogue.profiles import PROFILES

from . import upload
from .person import person
from .upload import Upload, UploadError

ROWS_SHOWN = 500
ACCEPTED = [ending for one in FORMATS for ending in one.endings]
_KEY = "import_upload"


class UploadForm(forms.Form):
    """The catalogue file and, where the photos are not on the server, a ZIP of them."""

    catalogue = forms.FileField(
        label="Catalogue",
        help_text=f"{listed([one.title for one in FORMATS], by='or')}: what your shop exports, or "
        "the columns product_id, image_path, text and, where you have them, category and seller.",
        widget=forms.ClearableFileInput(attrs={"accept": ",".join(ACCEPTED)}),
    )
    profile = forms.ChoiceField(
        required=False,
        label="Profile",
        choices=[("", "Recognise it"), *((one.name, one.title) for one in PROFILES.values())],
        help_text="What kind of export it is. The dry run says which was recognised and why.",
    )
    photos = forms.FileField(
        required=False,
        label="Photos (ZIP)",
        help_text="image_path is then the path inside the ZIP. Without a ZIP it is a path inside "
        "the server’s image folder (CLIP_IMAGE_ROOT).",
        widget=forms.ClearableFileInput(attrs={"accept": ".zip"}),
    )
    strict = forms.BooleanField(
        required=False, label="All or nothing", help_text="Import no row while any row is bad."
    )

    def clean_catalogue(self) -> Any:
        file = self.cleaned_data["catalogue"]
        if format_of(Path(file.name)) is None:
            raise forms.ValidationError(
                f"{file.name} is not a catalogue file; choose one that ends in "
                f"{', '.join(ENDINGS)}."
            )
        return file


def urls(model_admin: ModelAdmin[Product]) -> list[URLPattern]:
    """The addresses of the import; both ask for the right to add and to change products."""
    pages = ImportPages(model_admin)

    def guarded(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
        def checked(request: HttpRequest) -> HttpResponse:
            if not may_import(request):
                raise PermissionDenied
            return view(request)

        return model_admin.admin_site.admin_view(checked)

    return [
        path("import/", guarded(pages.choose), name="moderation_product_import"),
        path("import/confirm/", guarded(pages.confirm), name="moderation_product_import_confirm"),
    ]


def may_import(request: HttpRequest) -> bool:
    """An import both adds and changes products."""
    return request.user.has_perms(["moderation.add_product", "moderation.change_product"])


class ImportPages:
    """Choose a file and see what it would do; then do it."""

    def __init__(self, model_admin: ModelAdmin[Product]) -> None:
        self.model_admin = model_admin

    def choose(self, request: HttpRequest) -> HttpResponse:
        """The form; after an upload, the report of the dry run."""
        if request.method != "POST":
            return self._page(request, UploadForm())
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, form, status=400)
        self._forget(request)
        strict, choice = form.cleaned_data["strict"], Choice(form.cleaned_data["profile"])
        try:
            kept = upload.keep(
                form.cleaned_data["catalogue"], form.cleaned_data["photos"], choice=choice
            )
        except UploadError as error:
            form.add_error("photos", str(error))
            return self._page(request, form, status=error.status)
        try:
            report = _run(request, kept, choice, dry_run=True, strict=strict)
        except (CatalogueFileError, ModelError) as error:
            kept.remove()
            form.add_error("catalogue", str(error))
            return self._page(request, form, status=400)
        request.session[_KEY] = {
            "token": kept.token,
            "strict": strict,
            "profile": choice.profile,
        }
        return self._page(request, form, kept=kept, report=report, strict=strict)

    def confirm(self, request: HttpRequest) -> HttpResponse:
        """Import what the dry run has shown."""
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:moderation_product_import"))
        asked = request.session.pop(_KEY, {})
        kept = upload.find(asked.get("token", ""))
        if kept is None:
            messages.error(request, "The uploaded file is gone; upload it again.")
            return HttpResponseRedirect(reverse("admin:moderation_product_import"))
        try:
            choice = Choice(asked.get("profile", ""))
            report = _run(request, kept, choice, dry_run=False, strict=asked["strict"])
        except (CatalogueFileError, ModelError) as error:
            messages.error(request, f"Nothing was imported: {error}")
            return HttpResponseRedirect(reverse("admin:moderation_product_import"))
        finally:
            kept.remove()
        messages.success(
            request,
            f"Imported: {report.created:,} new, {report.updated:,} updated, "
            f"{report.unchanged:,} unchanged, {len(report.bad_rows):,} bad rows left out.",
        )
        if report.stopped:
            messages.error(
                request,
                f"Stopped before the end of the file: {report.stopped} Then upload it again, which "
                "goes on from there.",
            )
        return HttpResponseRedirect(reverse("admin:moderation_product_changelist"))

    def _forget(self, request: HttpRequest) -> None:
        earlier = upload.find(request.session.pop(_KEY, {}).get("token", ""))
        if earlier:
            earlier.remove()

    def _page(
        self,
        request: HttpRequest,
        form: UploadForm,
        *,
        kept: Upload | None = None,
        report: ImportReport | None = None,
        strict: bool = False,
        status: int = 200,
    ) -> HttpResponse:
        context = {
            "title": "Import products",
            "opts": self.model_admin.opts,
            "form": form,
            "report": report,
            "file_name": kept.catalogue.name if kept else "",
            "has_zip": kept is not None and kept.photos is not None,
            "told": len(report.rows_to_tell) if report else 0,
            "shown": report.rows_to_tell[:ROWS_SHOWN] if report else [],
            "may_confirm": report is not None and report.created + report.updated > 0,
            "strict": strict,
        }
        return TemplateResponse(
            request,
            "admin/moderation/product/import.html",
            self.model_admin.admin_site.each_context(request) | context,
            status=status,
        )


def _run(
    request: HttpRequest, kept: Upload, choice: Choice, *, dry_run: bool, strict: bool
) -> ImportReport:
    """Import an upload; no path of it leads out of its ZIP or of `CLIP_IMAGE_ROOT`."""
    return import_catalogue(
        kept.catalogue,
        choice=choice,
        image_base_path=kept.photos or settings.CLIP_IMAGE_ROOT,
        allow_absolute=False,
        dry_run=dry_run,
        strict=strict,
        source=Product.Source.IMPORT,
        by=person(request),
    )
