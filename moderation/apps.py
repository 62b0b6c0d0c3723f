from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ModerationConfig(AppConfig):
    name = "moderation"
    verbose_name = "Moderation"
    default = True

    def ready(self) -> None:
        from django_q.signals import post_spawn

        post_spawn.connect(_warm_up, dispatch_uid="moderation.warm_up")


def _warm_up(**kwargs: object) -> None:
    """A new worker process loads its model before the first task waits for it."""
    from moderation.tasks import warm_up

    warm_up()


class ClipmodAdminConfig(admin_apps.AdminConfig):
    """The stock admin with clipmod's site class."""

    default = False
    default_site = "moderation.admin.site.ClipmodAdminSite"

    def ready(self) -> None:
        # The site class lives in the package that registers with the site: were the site asked
        # for first, importing its class would register everything with a second, lost site.
        import_module("moderation.admin")
        super().ready()
