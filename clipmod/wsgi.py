"""The entry point for a WSGI server such as gunicorn."""

import os
import threading

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
application = get_wsgi_application()


def _preload() -> None:
    """Load the model beside the first requests, which need not wait where they need no model."""
    from django.conf import settings

    from moderation.services.encoding import engine

    if settings.CLIP_PRELOAD:
        threading.Thread(target=engine.preload, name="preload", daemon=True).start()


_preload()
