"""From a trained version to the one that runs: evaluation, gate, shadow, thresholds, rollback."""
