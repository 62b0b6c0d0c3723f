from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin import apps as admin_apps

from clipmod import logs, pickles


class ModerationConfig(AppConfig):
    name = "moderation"
    verbose_name = "Moderation"
    default = True

    def ready(self) -> None:
        from django.contrib.auth.signals import user_login_failed
        from django_q.signals import post_execute_in_worker, post_spawn, pre_execute

        from moderation import acts

        pickles.read_results_plainly()
        post_spawn.connect(_warm_up, dispatch_uid="moderation.warm_up")
        pre_execute.connect(_begin, dispatch_uid="moderation.begin")
        post_execute_in_worker.connect(_end, dispatch_uid="moderation.end")
        user_login_failed.connect(acts.note_failed_login, dispatch_uid="moderation.login_failed")


def _warm_up(**kwargs: object) -> None:
    """A new worker process loads its model before the first task waits for it."""
    from moderation.tasks import warm_up

    warm_up()


def _begin(task: dict[str, Any], **kwargs: object) -> None:
    """What the worker logs from here on belongs to this task."""
    logs.task_id.set(f"{task['name']}-{task['id'][:8]}")


def _end(**kwargs: object) -> None:
    logs.task_id.set("")


class ClipmodAdminConfig(admin_apps.AdminConfig):
    """The stock admin with clipmod's site class."""

    default = False
    default_site = "moderation.admin.site.ClipmodAdminSite"

    def ready(self) -> None:
        # The site class lives in the package that registers with the site: were the site asked
        # for first, importing its class would register everything with a second, lost site.
        import_module("moderation.admin")
        super().ready()
        # Nothing is scheduled, and a row there could name any function of the host.
        admin.site.unregister(apps.get_model("django_q", "Schedule"))
