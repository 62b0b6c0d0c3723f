"""Products are analysed: requests, claims of the worker, vectors, answers, re-scoring."""
