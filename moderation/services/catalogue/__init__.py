"""Products come in: by file, by API, by hand; their texts and photos are checked and kept."""
