"""Import by upload: how the file is read and what would happen; a second step does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from moderation.clip.errors import ModelError
from moderation.models import Product
from moderation.services.catalogue import saved_mappings
from moderation.services.catalogue.catalogue_formats import (
    ENDINGS,
    FORMATS,
    CatalogueFileError,
    format_of,
    listed,
)
from moderation.services.catalogue.column_mapping import ColumnMapping
from moderation.services.catalogue.column_questions import outline
from moderation.services.catalogue.import_report import ImportReport
from moderation.services.catalogue.saved_mappings import MappingError, MappingNameInUse

from . import import_mapping, import_page, import_photos, import_state, upload
from .import_state import Pending
from .person import person
from .upload import UploadError

ACCEPTED = [ending for one in FORMATS for ending in one.endings]
_GONE = "The uploaded file is gone; upload it again."


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
        label="Kind of file",
        choices=lambda: [("", "Recognise it"), *import_mapping.kinds()],
        help_text="A known export, or a mapping that was saved by name. The next page says what "
        "was recognised and why, and asks where that is not certain.",
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
    """The addresses of the import; all ask for the right to add and to change products."""
    pages = ImportPages(model_admin)

    def guarded(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
        def checked(request: HttpRequest) -> HttpResponse:
            if not may_import(request):
                raise PermissionDenied
            return view(request)

        return model_admin.admin_site.admin_view(checked)

    return [
        path("import/", guarded(pages.choose), name="moderation_product_import"),
        path("import/mapping/", guarded(pages.map), name="moderation_product_import_mapping"),
        path("import/photos/", guarded(pages.photos), name="moderation_product_import_photos"),
        path("import/confirm/", guarded(pages.confirm), name="moderation_product_import_confirm"),
    ]


def may_import(request: HttpRequest) -> bool:
    """An import both adds and changes products."""
    return request.user.has_perms(["moderation.add_product", "moderation.change_product"])


class ImportPages:
    """Choose a file; see how it is read and what it would do, change that; then do it."""

    def __init__(self, model_admin: ModelAdmin[Product]) -> None:
        self.model_admin = model_admin

    def choose(self, request: HttpRequest) -> HttpResponse:
        """The form; after an upload, how the file is read."""
        if request.method != "POST":
            return self._form(request, UploadForm())
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._form(request, form, status=400)
        import_state.forget(request)
        kind = form.cleaned_data["profile"]
        try:
            choice = import_mapping.choice_for(kind)
            kept = upload.keep(
                form.cleaned_data["catalogue"], form.cleaned_data["photos"], choice=choice
            )
        except MappingError as error:
            form.add_error("profile", str(error))
            return self._form(request, form, status=400)
        except UploadError as error:
            form.add_error("photos", str(error))
            return self._form(request, form, status=error.status)
        try:
            guesses = import_mapping.guesses(kind)
            pending = Pending(
                kept, form.cleaned_data["strict"], kind, choice, guess_categories=guesses
            )
            return self._read(request, pending)
        except (CatalogueFileError, ModelError) as error:
            kept.remove()
            form.add_error("catalogue", str(error))
            return self._form(request, form, status=400)

    def map(self, request: HttpRequest) -> HttpResponse:
        """Read the file as the selects say now, or keep how it is read by a name."""
        pending = import_state.find(request) if request.method == "POST" else None
        if pending is None:
            return self._gone(request)
        try:
            if "save" in request.POST:
                wanted = import_mapping.wanted(request.POST, pending)
                return self._read(request, wanted, problem=_save(request, wanted))
            return self._read(request, import_mapping.wanted(request.POST, pending))
        except (CatalogueFileError, MappingError, ModelError) as error:
            return self._read(request, pending, problem=str(error), status=400)

    def photos(self, request: HttpRequest) -> HttpResponse:
        """The first photos by address, for the script of the page."""
        pending = import_state.find(request) if request.method == "POST" else None
        found = import_photos.pictures(pending.files, pending.addresses) if pending else {}
        return JsonResponse({"photos": found})

    def confirm(self, request: HttpRequest) -> HttpResponse:
        """Import what was shown; where the selects say something else by now, show that first."""
        pending = import_state.find(request) if request.method == "POST" else None
        if pending is None:
            return self._gone(request)
        try:
            wanted = import_mapping.wanted(request.POST, pending)
            if wanted is not pending or not pending.is_settled:
                note = "This is how the file is read now. Look at it, then import it."
                return self._read(request, wanted, problem=note)
            if request.POST.get("save_as", "").strip() and (problem := _save(request, pending)):
                return self._read(request, pending, problem=problem, status=400)
            report = import_page.run(request, pending, dry_run=False)
        except (CatalogueFileError, MappingError, ModelError) as error:
            messages.error(request, f"Nothing was imported: {error}")
            import_state.forget(request)
            return self._to_the_form()
        import_state.forget(request)
        _tell(request, report)
        return HttpResponseRedirect(reverse("admin:moderation_product_changelist"))

    # ── Pages ─────────────────────────────────────────────────────────────────────────────────
    def _read(
        self, request: HttpRequest, pending: Pending, *, problem: str = "", status: int = 200
    ) -> HttpResponse:
        """How the file is read. Raises what reading it raises."""
        shown, context = import_page.page(request, pending)
        import_state.keep(request, shown)
        context |= {"problem": problem, "typed": request.POST.get("save_as", "") if problem else ""}
        return self._page(request, "import_reading.html", context, status=status)

    def _form(self, request: HttpRequest, form: UploadForm, *, status: int = 200) -> HttpResponse:
        return self._page(request, "import.html", {"form": form}, status=status)

    def _page(
        self, request: HttpRequest, name: str, context: dict[str, Any], *, status: int
    ) -> HttpResponse:
        common = {"title": "Import products", "opts": self.model_admin.opts}
        return TemplateResponse(
            request,
            f"admin/moderation/product/{name}",
            self.model_admin.admin_site.each_context(request) | common | context,
            status=status,
        )

    def _gone(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            messages.error(request, _GONE)
        return self._to_the_form()

    def _to_the_form(self) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:moderation_product_import"))


def _save(request: HttpRequest, pending: Pending) -> str:
    """Keep how the file is read; says why that cannot be, else nothing."""
    mapping = _mapping(pending)
    if mapping is None:
        return "Not saved: say first which column means what."
    try:
        name, replaces = request.POST.get("save_as", ""), "replace" in request.POST
        source = saved_mappings.save(
            name,
            mapping,
            guess_categories=pending.guess_categories,
            by=person(request),
            replace=replaces,
        )
    except MappingNameInUse as error:
        return f"Not saved: {error} Or tick that it is to be replaced."
    except MappingError as error:
        return f"Not saved: {error}"
    messages.success(request, f"Saved as {source.name}; it is offered at the next upload.")
    return ""


def _mapping(pending: Pending) -> ColumnMapping | None:
    found = outline(pending.files.catalogue, pending.choice)
    return found.file.mapping if found.file and not found.question else None


def _tell(request: HttpRequest, report: ImportReport) -> None:
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
