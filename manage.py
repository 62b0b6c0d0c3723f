#!/usr/bin/env python
"""Django's command line, for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        # Reading one setting loads them all: a bad value ends here in a sentence, not a traceback.
        settings.INSTALLED_APPS  # noqa: B018
    except ImproperlyConfigured as error:
        sys.exit(f"clipmod cannot start: {error}")
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        print("\nStopped. Run the command again to go on.", file=sys.stderr)  # noqa: T201
        sys.exit(130)  # what a shell expects of a program that Ctrl-C ended


if __name__ == "__main__":
    main()
