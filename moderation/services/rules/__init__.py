"""The rules that several rooms ask: thresholds, random samples, where photos lie."""
