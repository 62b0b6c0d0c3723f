"""Model folders: found by name or path, fetched from the hub, loaded, saved whole."""
