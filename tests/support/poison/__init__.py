"""A Django app for tests only: a photo of a certain name kills the process that decodes it."""
