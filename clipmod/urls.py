"""All addresses of the site."""

import errno

from django.conf import settings
from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from django.views.static import serve


def photo(request: HttpRequest, path: str, document_root: str) -> HttpResponseBase:
    """A file of the media folder; of a name that no file can have there is none."""
    try:
        return serve(request, path, document_root=document_root)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise Http404 from error
        raise


handler403 = "moderation.admin.denied.denied"
handler500 = "clipmod.requests.failed"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("moderation.api.urls")),
]
if settings.SERVE_MEDIA:
    urlpatterns += [path("media/<path:path>", photo, {"document_root": settings.MEDIA_ROOT})]
if settings.DEBUG:
    urlpatterns += staticfiles_urlpatterns("/static/")  # below the site's own path
