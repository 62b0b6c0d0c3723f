"""The entry point for a WSGI server such as gunicorn."""

import logging
import os
import threading
from wsgiref.types import WSGIApplication

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from clipmod import bodies, proxy, readable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
application: WSGIApplication = readable.made_of(bodies.counted(get_wsgi_application()))
if settings.FORCE_SCRIPT_NAME:
    application = proxy.below(settings.FORCE_SCRIPT_NAME, application)
    # gunicorn reads it too, and would refuse what a proxy sends on without it.
    os.environ.pop("SCRIPT_NAME", None)


def _preload() -> None:
    """Load the model beside the first requests, which need not wait where they need no model."""
    from moderation.services.encoding import engine

    if settings.CLIP_PRELOAD:
        threading.Thread(target=engine.preload, name="preload", daemon=True).start()


_preload()
logging.getLogger("clipmod.web").info("The web server is ready")
