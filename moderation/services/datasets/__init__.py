"""Decisions as labelled data: exports, snapshots, their manifests, and pairs from a CSV."""
