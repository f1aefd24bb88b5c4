"""Sweeps: the same training over a grid of patterns, λ and seeds, measured alike and put into one table."""
