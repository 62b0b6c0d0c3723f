"""What the packages that clipmod stands on are told; clipmod's own settings are in `settings`."""

from typing import Any


def q_cluster(redis: str, *, log_level: str) -> dict[str, Any]:
    """For django-q. Each value is there for a loss that was measured; see docs/operations.md."""
    return {
        "name": "clipmod",
        "workers": 1,
        "bulk": 1,
        "queue_limit": 1,
        "timeout": 300,
        "retry": 1200,
        "max_attempts": 1,
        "ack_failures": True,
        "save_limit": 100,
        "scheduler": False,
        "poll": 0.5,
        "guard_cycle": 0.5,
        "log_level": log_level,
        "cache": "django-q",
        # Each cluster looks for pending rows itself: see there.
        "broker_class": f"moderation.services.worker.broker.{'Redis' if redis else 'Orm'}Broker",
        **({"redis": redis} if redis else {"orm": "default"}),
    }


def rest_framework(rate: str, *, is_behind_proxy: bool) -> dict[str, Any]:
    """For Django REST framework; `rate` is such as 600/min, or empty for none."""
    return {
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "moderation.api.authentication.TokenAuthentication",
            "rest_framework.authentication.SessionAuthentication",
        ],
        "DEFAULT_PERMISSION_CLASSES": ["moderation.api.permissions.OpenInDevelopment"],
        "DEFAULT_SCHEMA_CLASS": "moderation.api.schema.Operation",
        "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
        "PAGE_SIZE": 50,
        "DEFAULT_THROTTLE_CLASSES": [
            "rest_framework.throttling.AnonRateThrottle",
            "rest_framework.throttling.UserRateThrottle",
        ]
        if rate
        else [],
        "DEFAULT_THROTTLE_RATES": {"anon": rate or None, "user": rate or None},
        # Of X-Forwarded-For only what our own proxy wrote counts; without one, none of it.
        "NUM_PROXIES": 1 if is_behind_proxy else 0,
        "EXCEPTION_HANDLER": "moderation.api.errors.exception_handler",
    }


def spectacular(path: str) -> dict[str, Any]:
    """For drf-spectacular; `path` is where the site lies on its host, or empty."""
    return {
        "TITLE": "clipmod",
        "DESCRIPTION": "Finds product photos that do not match their text.",
        "VERSION": "1",
        "SERVERS": [{"url": path}] if path else [],
        "SERVE_INCLUDE_SCHEMA": False,
        "TAGS": [{"name": name} for name in ("clip", "products", "reviews", "appeals")],
        "PREPROCESSING_HOOKS": ["moderation.api.schema.one_address_each"],
        "ENUM_SUFFIX": "",
        "ENUM_NAME_OVERRIDES": {
            "AnalysisStatus": "moderation.models.Analysis.Status",
            "ReviewState": "moderation.models.ReviewItem.State",
            "AppealState": "moderation.models.Appeal.State",
            "DecisionReason": "moderation.models.Decision.Reason",
            "SkipReason": "moderation.models.Skip.Reason",
        },
        "SWAGGER_UI_DIST": "SIDECAR",
        "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        "REDOC_DIST": "SIDECAR",
    }
