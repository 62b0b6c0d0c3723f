"""A simulated shop whose truth is known: scored, drawn, judged in the queue's own order.

The numbers of the rules are those of `services.rules` and of the settings; scores are normal, of
matches and mismatches, so that a shop takes a thousandth of a second and no model.
"""

from __future__ import annotations

import os
from typing import ClassVar

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
django.setup()

from django.conf import settings  # noqa: E402 - the rules read their settings

from moderation.clip.statistics.cells import (  # noqa: E402
    RIGHT,
    UNCLEAR,
    WRONG,
    Answers,
    Cell,
    Listings,
    cells_of,
)
from moderation.services.rules import mixture, sampling  # noqa: E402

NOBODY = -9  # was asked
NEAR = 0.08  # how far above the threshold a listing still counts as near


class Shop:
    """`wrong` of `products` do not match. What people said, and what was drawn, is kept by row."""

    # Mean and spread of the scores of matches, and of mismatches by a model of strength 1.
    match: ClassVar = (0.46, 0.11)
    mismatch: ClassVar = (0.17, 0.14)

    def __init__(self, products: int, wrong: float, *, seed: int) -> None:
        self.rng = rng = np.random.default_rng([seed, products, round(wrong * 100)])
        self.products = products
        self.wrong = rng.random(products) < wrong
        self.hard = rng.normal(size=products)  # for every model alike
        self.number, self.gold, self.order = rng.random((3, products))
        self.audit_share = np.full(products, -1.0)
        self.former_share = np.full(products, -1.0)
        self.gold_share = np.full(products, -1.0)
        self.said = np.full(products, NOBODY)
        self.openly = np.zeros(products, dtype=bool)
        self.waits_blind = np.zeros(products, dtype=bool)
        self.passed_share = sampling.passed_share
        self.skipped = (0.0, 0.0)  # by everybody: of the mismatches, of the matches

    # ── What a worker does ────────────────────────────────────────────────────────────────────
    def score(self, strength: float = 1.0) -> None:
        """By another model: the stronger, the lower it scores mismatches."""
        mean = self.match[0] - strength * (self.match[0] - self.mismatch[0]) * self.wrong
        spread = np.where(self.wrong, self.mismatch[1], self.match[1])
        self.scores = mean + spread * (0.6 * self.hard + 0.8 * self.rng.normal(size=self.products))

    def follow(self, threshold: float, *, audit_share: float | None = None) -> None:
        """Flag and draw, as `sampling.entry` and `queue.draws` do."""
        share = settings.AUDIT_SHARE if audit_share is None else audit_share
        self.threshold = threshold
        self.flagged = self.scores < threshold
        near = np.minimum(1.0, share * sampling.NEAR_FACTOR)
        passed = np.where(self.scores < threshold + NEAR, near, share)
        share_now = np.where(self.flagged, settings.AUDIT_FLAGGED_SHARE, passed)
        more = share_now > self.audit_share
        self.former_share[more] = self.audit_share[more]
        self.audit_share[more] = share_now[more]
        self.gold_share[self.flagged] = settings.GOLD_SHARE
        in_gold = self.flagged & (self.gold < settings.GOLD_SHARE)
        drawn = (self.number < share_now) | in_gold
        # A drawn one stays drawn; one that was drawn as flagged and passes leaves the queue.
        stays = self.waits_blind & (self.flagged | (self.number < self.audit_share) & ~in_gold)
        self.waits_blind = (self.said == NOBODY) & (drawn | stays)

    # ── What people do ────────────────────────────────────────────────────────────────────────
    def judge(self, decisions: int) -> None:
        """The next items of the queue's mixture."""
        arms = self._arms()
        for _ in range(decisions):
            item, arm = self._next(arms)
            if item is None:
                return
            wrong = bool(self.wrong[item])
            cannot_tell = self.rng.random() < self.skipped[0 if wrong else 1]
            self.said[item] = UNCLEAR if cannot_tell else WRONG if wrong else RIGHT
            self.openly[item] = arm is not mixture.Arm.AUDIT
            self.waits_blind[item] = False

    def judge_all_flagged(self) -> None:
        """Whatever arm they would come by."""
        rows = self.flagged & (self.said == NOBODY)
        self.said[rows] = np.where(self.wrong[rows], WRONG, RIGHT)
        self.openly |= rows & ~self.waits_blind
        self.waits_blind &= ~rows

    def change(self, part: float) -> None:
        """So many listings get another photo or text: what was said of them is of the former."""
        rows = self.rng.random(self.products) < part
        self.said[rows], self.openly[rows] = NOBODY, False

    def _arms(self) -> dict[mixture.Arm, list[int]]:
        """Each arm's items, the next one last."""
        openly = np.flatnonzero(self.flagged & ~self.waits_blind & (self.said == NOBODY))
        blind = np.flatnonzero(self.waits_blind)
        doubt = np.abs(self.scores[openly] - self.threshold)
        return {
            mixture.Arm.SUSPICIOUS: list(openly[np.argsort(-self.scores[openly])]),
            mixture.Arm.UNCERTAIN: list(openly[np.argsort(-doubt)]),
            mixture.Arm.AUDIT: list(blind[np.argsort(-self.order[blind])]),
        }

    def _next(
        self, arms: dict[mixture.Arm, list[int]]
    ) -> tuple[int, mixture.Arm] | tuple[None, None]:
        shares = {"uncertain": settings.QUEUE_UNCERTAIN_SHARE, "audit": settings.QUEUE_AUDIT_SHARE}
        for arm in mixture.arms(self.rng.random(), **shares):
            items = arms[arm]
            while items and self.said[items[-1]] != NOBODY:
                items.pop()
            if items:
                return items.pop(), arm
        return None, None

    # ── What is told, and what is true ────────────────────────────────────────────────────────
    def cells(self, threshold: float | None = None) -> list[Cell]:
        """As `estimates.present` reads them."""
        drawn = (self.number < self.audit_share) | (self.gold < self.gold_share)
        by_lot = drawn & ~self.openly
        shares = np.stack([self.audit_share, self.former_share, self.gold_share])
        draws = np.unique(shares, axis=1, return_inverse=True)[1].ravel()
        rows = self.said != NOBODY
        one = np.ones(self.products, dtype=int)
        there = Listings(self.scores, draws, one, by_lot.astype(int))
        said = Answers(self.scores[rows], draws[rows], self.said[rows], by_lot[rows])
        return cells_of(there, said, threshold=self.threshold if threshold is None else threshold)

    def truth(self, threshold: float | None = None) -> dict[str, float]:
        """Prevalence, precision and recall; NaN where one is not defined."""
        flagged = self.scores < (self.threshold if threshold is None else threshold)
        hit, wrong = float((flagged & self.wrong).sum()), float(self.wrong.sum())
        return {
            "prevalence": wrong / self.products,
            "precision": hit / flagged.sum() if flagged.any() else float("nan"),
            "recall": hit / wrong if wrong else float("nan"),
        }
