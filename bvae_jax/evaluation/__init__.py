"""Scores of a trained population: codes, scores, results."""
