"""The database itself refuses to change or delete a decision."""

from django.db import migrations

SQLITE = [
    """
    CREATE TRIGGER decision_no_{lower} BEFORE {event} ON moderation_decision
    BEGIN SELECT RAISE(ABORT, 'decisions are append only'); END
    """.format(lower=event.lower(), event=event)
    for event in ("UPDATE", "DELETE")
]
POSTGRESQL = [
    """
    CREATE FUNCTION decision_append_only() RETURNS trigger AS $$
    BEGIN RAISE EXCEPTION 'decisions are append only'; END
    $$ LANGUAGE plpgsql
    """,
    """
    CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE ON moderation_decision
    FOR EACH ROW EXECUTE FUNCTION decision_append_only()
    """,
]


def add(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER decision_no_update")
        schema_editor.execute("DROP TRIGGER decision_no_delete")
    else:
        schema_editor.execute("DROP TRIGGER decision_append_only ON moderation_decision")
        schema_editor.execute("DROP FUNCTION decision_append_only")


class Migration(migrations.Migration):
    dependencies = [("moderation", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
