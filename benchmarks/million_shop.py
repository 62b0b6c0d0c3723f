"""A shop of a million products for `million`, made by the database itself in a few minutes.

Half of the products are of twenty large sellers, the others of fifty thousand small ones. Every
twentieth product waits in the queue; three in ten were decided on in half a year, by twelve
moderators, for a previous version of the model. Nothing else may be in the database.
"""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection

from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Category, ModelVersion, Product

MODERATORS = 12
FIRST = "P0000001"

_WORDS = """ARRAY['red','blue','black','green','wool','cotton','leather','summer','winter','soft',
'large','small','running','classic','modern','steel','wooden','light','warm','new']"""
_THINGS = """ARRAY['shirt','jeans','shoes','jacket','lamp','chair','table','watch','phone case',
'backpack','dress','mug','knife','pillow','bicycle','headphones','camera','doll','hat','ring']"""

# n is the product's number; %(products)s of them. Names as in the tables of migration 0004.
_PRODUCTS = f"""
INSERT INTO moderation_product (id, external_id, text, image, category_id, seller, source,
    image_sha256, content_hash, created_at, updated_at)
SELECT n, 'P' || lpad(n::text, 7, '0'),
    (({_WORDS})[1 + floor(random() * 20)::int] || ' ' || ({_WORDS})[1 + floor(random() * 20)::int]
     || ' ' || ({_THINGS})[1 + floor(random() * 20)::int] || ' no. ' || n),
    'products/' || left(md5(n::text), 2) || '/' || md5(n::text) || '.jpg',
    CASE WHEN n %% 11 > 0 THEN
        (SELECT array_agg(id) FROM moderation_category)[1 + floor(random() * %(categories)s)::int]
    END,
    CASE WHEN random() < 0.5 THEN 'large-' || floor(random() * 20)::int
        ELSE 'small-' || floor(random() * 50000)::int END,
    CASE WHEN random() < 0.9 THEN 'import' ELSE 'api' END,
    md5('image' || n) || md5(n::text), md5('content' || n) || md5(n::text),
    now() - (%(products)s - n) * interval '180 days' / %(products)s, now()
FROM generate_series(1, %(products)s) AS n
"""

_ANALYSES = """
INSERT INTO moderation_analysis (product_id, model_version_id, text, image, image_sha256,
    content_hash, status, attempts, claimed_by, error, similarity, p_mismatch, threshold_used,
    is_mismatch, top_categories, precision, preparation, created_at, finished_at)
SELECT id, %(version)s, text, image, image_sha256, content_hash, 'done', 1, 'host/1/1', '',
    score, CASE WHEN flagged THEN 1 - score ELSE 0.05 END, 0.25, flagged,
    '[{"category": "Shoes", "score": 0.61}, {"category": "Bags", "score": 0.2}]', 'fp32',
    %(preparation)s,
    created_at, created_at + interval '20 seconds'
FROM (
    SELECT *, id %% 20 = 0 AND id %% 200 > 0 OR %(previous)s AS flagged,
        CASE WHEN id %% 20 = 0 AND id %% 200 > 0 OR %(previous)s THEN random() * 0.249
        ELSE 0.25 + random() * 0.4 END AS score
    FROM moderation_product WHERE NOT %(previous)s OR id %% 10 IN (1, 2, 3)
) AS scored ORDER BY id
"""

_CURRENT = """
UPDATE moderation_product SET analysis_id = moderation_analysis.id FROM moderation_analysis
WHERE moderation_analysis.product_id = moderation_product.id
    AND moderation_analysis.model_version_id = %(version)s
"""

_ITEM = """
INSERT INTO moderation_reviewitem (product_id, analysis_id, state, stratum, sampling_probability,
    suspicion, uncertainty, random_order, in_audit, picked_by, escalation, escalation_note,
    opened_at, escalated_at, escalated_by_id)
"""

# A hundredth of the open ones were reopened, a tenth passed and was audited, some escalated.
_OPEN = f"""{_ITEM}
SELECT product_id, id, 'open',
    CASE WHEN product_id %% 200 = 0 THEN 'audit' WHEN product_id %% 2000 = 20 THEN 'reopened'
    ELSE 'flagged' END,
    CASE WHEN product_id %% 200 = 0 THEN 0.02 ELSE 1 END,
    p_mismatch, 1 - abs(2 * p_mismatch - 1), random(), product_id %% 200 = 0, '',
    CASE WHEN product_id %% 2000 = 40 THEN 'asked' ELSE '' END, '',
    now() - random() * interval '10 days',
    CASE WHEN product_id %% 2000 = 40 THEN now() - random() * interval '2 days' END,
    CASE WHEN product_id %% 2000 = 40 THEN (SELECT min(id) FROM auth_user) END
FROM moderation_analysis
WHERE model_version_id = %(version)s AND product_id %% 20 = 0 ORDER BY random()
"""

# Days of 139 decisions each, one in ten seconds; the newest are of today.
_DECIDED = f"""{_ITEM}
SELECT product_id, id, 'decided', CASE WHEN product_id %% 10 = 1 THEN 'audit' ELSE 'flagged' END,
    CASE WHEN product_id %% 10 = 1 THEN 0.05 ELSE 1 END, p_mismatch, 1 - abs(2 * p_mismatch - 1),
    random(), product_id %% 10 = 1, 'suspicious', '', '',
    now() - (%(decisions)s - place) * interval '180 days' / %(decisions)s - interval '2 days',
    NULL::timestamptz, NULL::int
FROM (
    SELECT *, row_number() OVER (ORDER BY product_id) AS place
    FROM moderation_analysis WHERE model_version_id = %(previous_version)s
) AS numbered ORDER BY place
"""

_DECISIONS = """
INSERT INTO moderation_decision (item_id, analysis_id, moderator_id, verdict, reason, wrong_side,
    note, seconds, mode, stratum, picked_by, sampling_probability, idempotency_key, created_at)
SELECT id, analysis_id, (%(people)s)[1 + place %% %(moderators)s],
    CASE WHEN place %% 5 < 3 THEN 'confirm' ELSE 'dismiss' END,
    CASE WHEN place %% 5 < 2 THEN 'other_product' WHEN place %% 5 = 2 THEN 'other_colour'
    ELSE 'matches' END, '', '', 2 + random() * 8, 'queue', stratum, 'suspicious',
    sampling_probability, '',
    now() - ((%(decisions)s - place) / (139 * %(moderators)s)) * interval '1 day'
        - ((%(decisions)s - place) %% (139 * %(moderators)s)) / %(moderators)s * interval '10 s'
FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM moderation_reviewitem
    WHERE state = 'decided') AS decided ORDER BY place
"""

# One decision in a hundred was undone; of one in ten a second opinion was given.
_UNDONE = """
INSERT INTO moderation_decision (item_id, analysis_id, moderator_id, verdict, reason, wrong_side,
    note, mode, stratum, picked_by, sampling_probability, idempotency_key, corrects_id, created_at)
SELECT item_id, analysis_id, moderator_id, 'undo', '', '', '', 'queue', '', '', 1, '', id,
    created_at + interval '3 s'
FROM moderation_decision WHERE id %% 100 = 7
"""
_SECONDS = """
INSERT INTO moderation_reviewitem (product_id, analysis_id, state, stratum, sampling_probability,
    suspicion, uncertainty, random_order, in_audit, picked_by, escalation, escalation_note,
    opened_at, second_of_id)
SELECT item.product_id, item.analysis_id, 'decided', item.stratum, item.sampling_probability,
    item.suspicion, item.uncertainty, item.random_order, item.in_audit, 'second', '', '',
    decision.created_at, item.id
FROM moderation_decision AS decision JOIN moderation_reviewitem AS item ON item.id = item_id
WHERE decision.id %% 10 = 1 AND verdict <> 'undo'
"""
_SECOND_DECISIONS = """
INSERT INTO moderation_decision (item_id, analysis_id, moderator_id, verdict, reason, wrong_side,
    note, seconds, mode, stratum, picked_by, sampling_probability, idempotency_key, created_at)
SELECT second.id, second.analysis_id, (%(people)s)[1 + second.id %% %(moderators)s],
    CASE WHEN second.id %% 10 > 0 THEN first.verdict ELSE 'dismiss' END,
    CASE WHEN second.id %% 10 > 0 THEN first.reason ELSE 'matches' END,
    '', '', 5, 'queue', second.stratum, 'second', 1, '', first.created_at + interval '1 hour'
FROM moderation_reviewitem AS second JOIN moderation_decision AS first
    ON first.item_id = second.second_of_id AND first.verdict <> 'undo'
WHERE second.second_of_id IS NOT NULL
"""
# The reopened ones, of some decision.
_REOPENED = """
UPDATE moderation_reviewitem SET reopens_id = (SELECT min(id) FROM moderation_decision)
WHERE stratum = 'reopened'
"""
_SKIPS = """
INSERT INTO moderation_skip (item_id, moderator_id, reason, created_at)
SELECT id, (%(people)s)[1 + id %% %(moderators)s], 'cannot_tell', now() - id %% 9 * interval '1 day'
        - id %% 139 * interval '10 s' + interval '5 s'
FROM moderation_reviewitem WHERE state = 'open' AND id %% 10 = 0
"""


def fill(products: int) -> float:
    """Make the shop where the database is empty; returns the seconds it took.

    Raises `SystemExit` for a database with other products in it.
    """
    started = time.perf_counter()
    call_command("migrate", verbosity=0)
    if Product.objects.filter(external_id=FIRST).exists():
        return 0.0
    if Product.objects.exists():
        raise SystemExit("The database of DATABASE_URL has products of its own; name an empty one.")
    call_command("setup", verbosity=0)
    _person("lead", group="lead")
    people = [_person(f"moderator-{number}", group="moderator").pk for number in range(MODERATORS)]
    version = ModelVersion.objects.get(status="active")
    # So that the band has next to nothing in it, as where moderators have worked it off.
    version.clear_threshold = 0.0001
    version.save()
    previous = ModelVersion.objects.create(
        name="previous", source="folder", location="/nowhere", threshold=0.25
    )
    values = {
        "products": products,
        "decisions": products * 3 // 10,
        "categories": Category.objects.count(),
        "people": people,
        "moderators": MODERATORS,
        "previous_version": previous.pk,
        "preparation": PREPARATION,
    }
    _insert(values, present=version, previous=previous)
    return time.perf_counter() - started


def _person(name: str, *, group: str) -> User:
    person = User.objects.create_user(name, is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person


def _insert(values: dict[str, Any], *, present: ModelVersion, previous: ModelVersion) -> None:
    now, past = (
        {"version": present.pk, "previous": False},
        {"version": previous.pk, "previous": True},
    )
    with connection.cursor() as cursor:
        for statement, more in (
            *((_PRODUCTS, {}), (_ANALYSES, now), (_ANALYSES, past), (_CURRENT, now)),
            *((_OPEN, now), (_DECIDED, {}), (_DECISIONS, {}), (_UNDONE, {}), (_SECONDS, {})),
            *((_SECOND_DECISIONS, {}), (_SKIPS, {}), (_REOPENED, {})),
        ):
            cursor.execute(statement, values | more)
        for table in ("product", "analysis"):
            name = f"moderation_{table}"
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"
            )
        cursor.execute("VACUUM ANALYZE")
