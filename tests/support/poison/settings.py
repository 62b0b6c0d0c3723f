from clipmod.settings import *  # noqa: F403
from clipmod.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.poison"]
