"""The rules that the table stands for: those written down, and those of Django's own pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .roles import NOBODY, STAFF, Rule, Table, Who
from .table import ACTIONS, SECTIONS, TABLES


def rules() -> Iterator[Rule]:
    """Every rule: those written down, and those that the tables stand for."""
    for section in SECTIONS.values():
        yield from section
    for table in TABLES:
        yield from _stock(table)
    for app in sorted({table.model.partition(".")[0] for table in TABLES}):
        sees = [table.see | table.add for table in TABLES if table.model.startswith(f"{app}.")]
        yield Rule(
            f"See the list of {app}",
            f"admin:app_list/{app}",
            "GET POST",
            frozenset[str]().union(*sees),
            takes={"app_label": f"={app}"},
            hides=True,
        )


def _stock(table: Table) -> Iterator[Rule]:
    base = f"admin:{table.model.replace('.', '_')}"
    takes = {"object_id": table.model}
    for page, methods, who in (
        ("changelist", "GET POST", table.see),
        ("history", "GET POST", table.see),
        ("change", "GET", table.see),
        ("change", "POST", table.change),
        ("add", "GET POST", table.add),
        ("delete", "GET POST", table.delete),
        # It only leads on to the page of the row, which asks for its own right.
        ("redirect", "GET POST", STAFF),
    ):
        does = f"{table.words}: {page}"
        yield Rule(does, f"{base}_{page}", methods, who, takes=takes, is_djangos=True)


def searches(fields: Mapping[str, str]) -> Iterator[Rule]:
    """Searching for a row to choose in a form: for who sees the rows.

    `fields` has for each field `app.model.field` the model that it points to, or nothing where
    the rows of that model are not to be searched.
    """
    sees = {table.model: table.see for table in TABLES}
    for name, target in fields.items():
        source, _, field_name = name.rpartition(".")
        app, _, model = source.partition(".")
        yield Rule(
            f"Search for the {field_name} of a {model}",
            f"admin:autocomplete/{name}",
            "GET",
            sees.get(target, NOBODY),
            query=f"?app_label={app}&model_name={model}&field_name={field_name}",
            hides=True,
        )


def action_rules() -> dict[tuple[str, str], Who]:
    found = {(table.model, "delete_selected"): table.delete for table in TABLES}
    return found | {key: who for key, (_, who) in ACTIONS.items()}
