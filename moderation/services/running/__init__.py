"""The installation itself: set up, demo, web server and worker together, kept alive."""
