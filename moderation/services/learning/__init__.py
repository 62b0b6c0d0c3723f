"""Trainings: started, watched, resumed, finished, and the whole loop in one go."""
