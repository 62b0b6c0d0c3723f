"""Figures about the queue, the people in it, the sellers and the labels' quality."""
