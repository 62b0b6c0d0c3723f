"""Whether an audited share of mismatches is a better one than what a curve presumes.

It is where the interval of the audit excludes the share in use (until then it has not shown that
one wrong) and is not so wide that hardly a mismatch was found. `benchmarks.calibration` has what
other rules would do: to take every estimate lets small audits move P at random, and to wait for
narrow intervals leaves a wrong share in use for longer and moves right ones all the same.
"""

from __future__ import annotations

from .calibration import Calibration, log_odds

# A change of the odds by less shows nobody anything else (at most five points of P), and is not
# worth new rows for every product.
LEAST_SHIFT = 0.2
WIDEST = 10.0  # times the lower end of the interval: some three mismatches were found by lot


def share_in_use(calibration: Calibration) -> float | None:
    """Which share of mismatches the probabilities are told for; None: that of its labels."""
    if calibration.prior is None or calibration.prevalence is None:
        return calibration.prior
    return calibration.prevalence


def is_better(calibration: Calibration, prevalence: float, *, low: float, high: float) -> bool:
    """Whether this share, with its 95% interval, tells more than the one in use, and visibly so."""
    in_use = share_in_use(calibration)
    if in_use is None or not 0 < prevalence < 1:
        return False
    if low <= in_use <= high or high > WIDEST * low:
        return False
    return abs(log_odds(prevalence) - log_odds(in_use)) >= LEAST_SHIFT
