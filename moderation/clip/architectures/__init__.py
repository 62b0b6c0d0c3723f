"""Models that transformers does not have. They import torch: import them inside functions only."""
