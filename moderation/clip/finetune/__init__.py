"""Fine-tuning: from a model folder and a shop's decisions to a better model folder."""
