"""Finds every address and admin action of the project, and paths that lead to each address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import URLResolver, get_resolver, resolve, reverse
from django.views.generic import RedirectView

from .roles import Rule
from .rules import rules, searches
from .world import example

_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
_ROW = re.compile(r"\{([\w.]+)\}")
_OF_MODEL = {"pk", "id", "object_id"}


@dataclass(frozen=True)
class Address:
    """One URL pattern: what the table calls it, its route, its arguments and its methods."""

    key: str
    route: str
    name: str
    arguments: frozenset[str]
    # The methods that the view is written for; None: a function, of which only trying tells.
    handlers: frozenset[str] | None
    model: str


def addresses() -> list[Address]:
    """Every URL pattern of the project; those of lists and searches once for each."""
    found = list(_walk(get_resolver()))
    names = {view: address.key for view, address in reversed(found) if view and address.name}
    listed = []
    for view, address in found:
        key = address.key if address.name else names.get(view, address.key)
        listed += [Address(**{**vars(address), "key": part}) for part in _parts(key)]
    return listed


def _parts(key: str) -> list[str]:
    """What is behind one pattern, each with a right of its own."""
    if key == "admin:app_list":
        return [f"{key}/{app}" for app in sorted({m._meta.app_label for m in admin.site._registry})]
    if key == "admin:autocomplete":
        return [f"{key}/{name}" for name in searchable()]
    return [key]


def searchable() -> dict[str, str]:
    """Each field that points to rows -> the model, or nothing where its page has no search."""
    found = {}
    for model in apps.get_models():
        for field in (*model._meta.fields, *model._meta.many_to_many):
            target = field.related_model
            if target is None or isinstance(target, str):
                continue
            page = admin.site._registry.get(target)
            label = target._meta.label_lower if page and page.search_fields else ""
            found[f"{model._meta.label_lower}.{field.name}"] = label
    return found


def _walk(
    resolver: URLResolver, route: str = "", space: str = ""
) -> Iterator[tuple[object, Address]]:
    """(view class or None, address) of each pattern below a resolver."""
    for pattern in resolver.url_patterns:
        part = str(pattern.pattern)
        where = route + (part.removeprefix("^") if route else part)  # as Django joins them
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _walk(pattern, where, inner)
            continue
        view: Any = pattern.callback
        kind = getattr(view, "cls", None)
        name = f"{space}{pattern.name}" if pattern.name else ""
        yield (
            kind,
            Address(
                key=name or _key(where),
                route=where,
                name=name,
                arguments=frozenset(pattern.pattern.converters),
                handlers=_handlers(kind or getattr(view, "view_class", None)),
                model=_model(where),
            ),
        )


def _key(route: str) -> str:
    """How the table calls a pattern without a name."""
    stock = re.fullmatch(r"admin/(\w+)/(\w+)/<path:object_id>/", route)
    if stock and _model(route):
        return f"admin:{stock[1]}_{stock[2]}_redirect"
    return route or "/"


def _model(route: str) -> str:
    """The registered model whose pages a route belongs to, or nothing."""
    label = ".".join(route.split("/")[1:3])
    return label if label in {m._meta.label_lower for m in admin.site._registry} else ""


def _handlers(view: Any) -> frozenset[str] | None:
    if view is None or issubclass(view, RedirectView):  # which asks no more than a function does
        return None
    return frozenset(n.upper() for n in view.http_method_names if hasattr(view, n)) - {"OPTIONS"}


def rules_by_key() -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    for rule in (*rules(), *searches(searchable())):
        for key in rule.at.split():
            found.setdefault(key, []).append(rule)
    return found


def actions() -> set[tuple[str, str]]:
    """(model, action) of every admin, whatever right it asks for."""
    return {
        (model._meta.label_lower, name)
        for model, page in admin.site._registry.items()
        for _, name, _ in cast(Any, page)._get_base_actions()
    }


class NoPathError(Exception):
    """The table does not say enough to build an address; `str(error)` says what to add."""


def path_of(address: Address, rule: Rule, user: User | None) -> str:
    """A path that leads to this very pattern."""
    values = {name: _value(address, rule, name, user) for name in address.arguments}
    if address.name:
        path = reverse(address.name, kwargs=values | _app(address))
    elif rule.path and not address.arguments:
        path = rule.path
    else:
        path = "/" + _ARGUMENT.sub(lambda found: values[found[1]], address.route)
    met = resolve(path).route
    if met != address.route:
        raise NoPathError(f"{path} leads to {met}, not to {address.route}: give the rule a `path`.")
    return path + _ROW.sub(lambda found: _field(found[1], user), rule.query)


def _app(address: Address) -> dict[str, str]:
    _, slash, app = address.key.partition("/")
    return {"app_label": app} if slash and address.name == "admin:app_list" else {}


def _value(address: Address, rule: Rule, name: str, user: User | None) -> str:
    source = rule.takes.get(name) or (address.model if name in _OF_MODEL else "")
    if source.startswith("="):
        return source[1:]
    if not source:
        raise NoPathError(
            f'The rule for {address.key} does not say where its argument "{name}" comes from: '
            f'add takes={{"{name}": "app.model"}}.'
        )
    return _field(source, user)


def _field(source: str, user: User | None) -> str:
    """The value of `app.model` (its key) or `app.model.field` in the row to try."""
    app, model, *field = source.split(".")
    row = example(apps.get_model(app, model), user)
    if row is None:
        raise NoPathError(f"There is no row of {app}.{model}: make one in tests/rights/world.py.")
    return str(getattr(row, field[0] if field else "pk"))
