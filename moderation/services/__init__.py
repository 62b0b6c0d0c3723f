"""All that changes state, one folder a subject; the faces call it, and it calls models and clip."""
