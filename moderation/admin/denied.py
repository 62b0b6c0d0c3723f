"""The page for those who follow a link that they have no right to."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.defaults import permission_denied


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A sentence and a way back within the admin; elsewhere Django's own answer."""
    if not request.path.startswith(reverse("admin:index")):
        return permission_denied(request, exception)
    context = admin.site.each_context(request) | {"title": "Not allowed"}
    return render(request, "admin/denied.html", context, status=403)
