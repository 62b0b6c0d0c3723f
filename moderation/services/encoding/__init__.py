"""Pictures and texts become vectors: the loaded model, cached vectors, how photos look."""
