"""Which threshold holds for a product: the one place that knows it.

The first of these that is there: the requested one, what the product has with a threshold of its
own (`OWN`), the setting `CLIP_SIMILARITY_THRESHOLD`, the version's. The version's is moved in a
category whose mismatches are likelier or rarer than its similarities say elsewhere, so that the
same P(mismatch) flags everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Case, F, FloatField, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Least

from moderation.models import Category, ModelVersion, Product

from .probability import moved_categories

Traits = tuple[Any, ...]  # a product's values in `columns()`


def _of_categories() -> dict[Any, float]:
    own = Category.objects.exclude(threshold=None).values_list("pk", "threshold")
    return {pk: threshold for pk, threshold in own if threshold is not None}


# A product's column -> what reads the thresholds that its values have of their own; the first
# takes precedence. Another kind of threshold is an entry here.
OWN: dict[str, Callable[[], dict[Any, float]]] = {"category_id": _of_categories}


def columns(product: str = "") -> tuple[str, ...]:
    """What is read of a product for `Traits`; `product` is the lookup that leads to it."""
    return tuple(f"{product}{column}" for column in OWN)


def traits(product: Product | None) -> Traits:
    """What a product has that may set its threshold; nothing for none."""
    return tuple(getattr(product, column) for column in OWN) if product else ()


def without_own(product: str = "") -> Q:
    """Products whose threshold is the setting's or the version's."""
    own = Q()
    for column, read in OWN.items():
        own |= Q(**{f"{product}{column}__in": list(read())})
    return ~own


def own_depends_on() -> Any:
    """What `without_own` depends on, for a cache's key."""
    return [[column, sorted(read())] for column, read in OWN.items()]


class _Chain(NamedTuple):
    """Thresholds by the values of a product's columns: of the first step that has one."""

    steps: list[tuple[str, dict[Any, float]]]
    otherwise: float

    def of(self, traits: Traits) -> float:
        values = dict(zip(OWN, traits, strict=False))
        for column, known in self.steps:
            if (found := known.get(values.get(column))) is not None:
                return found
        return self.otherwise

    def sql(self, product: str, *first: When) -> Case:
        steps = (
            When(**{f"{product}{column}": value}, then=Value(threshold))
            for column, known in self.steps
            for value, threshold in known.items()
        )
        return Case(*first, *steps, default=Value(self.otherwise), output_field=FloatField())


class Thresholds:
    """The thresholds of one version, for one product or a million: the tables are read once.

    As a value (`of`), as SQL (`sql`) and as what an answer by them depends on (`depends_on`);
    `clear_of` and `clear_sql` say where a mismatch is clear.
    """

    def __init__(self, version: ModelVersion) -> None:
        self.version = version

    @property
    def general(self) -> float:
        """Where nothing of a product sets another; no table is read for it."""
        setting = settings.CLIP_SIMILARITY_THRESHOLD
        return self.version.threshold if setting is None else setting

    def of(self, traits: Traits = (), *, override: float | None = None) -> float:
        """The threshold of a product with these traits; `override` is the requested one."""
        if override is not None:
            return override
        return self._chain.of(traits) if any(traits) else self.general

    def clear_of(self, traits: Traits = (), *, override: float | None = None) -> float | None:
        """Below it a mismatch is clear, or None without such a band; never above the threshold."""
        if self._clear is None:
            return None
        return min(self._clear.of(traits), self.of(traits, override=override))

    def own_of(self, traits: Traits = ()) -> float:
        """The version's own for a product: not what people set by similarities of another one."""
        return self._own.of(traits)

    def sql(self, product: str = "", *, override: str = "") -> Combinable:
        """`of`, by the database; `product` and `override` are lookups, as `product__`."""
        asked = [When(**{f"{override}__isnull": False}, then=F(override))] if override else []
        return self._chain.sql(product, *asked)

    def clear_sql(self, product: str = "", *, override: str = "") -> Combinable | None:
        """`clear_of`, by the database."""
        if self._clear is None:
            return None
        return Least(self._clear.sql(product), self.sql(product, override=override))

    @property
    def depends_on(self) -> Any:
        """What the thresholds of products depend on, for a cache's key."""
        steps = [[column, sorted(known.items())] for column, known in self._chain.steps]
        return [steps, self.general]

    @cached_property
    def _chain(self) -> _Chain:
        steps = [(column, read()) for column, read in OWN.items()]
        if settings.CLIP_SIMILARITY_THRESHOLD is None:
            own = dict(steps)["category_id"]
            moved = self._moved(self.version.threshold)
            steps.append(("category_id", {pk: at for pk, at in moved.items() if pk not in own}))
        return _Chain(steps, self.general)

    @cached_property
    def _own(self) -> _Chain:
        threshold = self.version.threshold
        return _Chain([("category_id", self._moved(threshold))], threshold)

    @cached_property
    def _clear(self) -> _Chain | None:
        threshold = self.version.clear_threshold
        if threshold is None:
            return None
        return _Chain([("category_id", self._moved(threshold))], threshold)

    def _moved(self, threshold: float) -> dict[Any, float]:
        """Category -> where the same P flags as at this threshold elsewhere."""
        calibration = self.version.calibrated
        if calibration is None:
            return {}
        return {
            pk: min(max(calibration.threshold_in(name, threshold), -1.0), 1.0)
            for pk, name in moved_categories(calibration).items()
        }
