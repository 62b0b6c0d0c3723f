"""Calibration, thresholds, intervals and the gate, on plain numbers."""
