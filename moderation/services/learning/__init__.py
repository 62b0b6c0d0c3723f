"""Trainings: started, watched, gone on with, finished, and the whole loop in one go."""
