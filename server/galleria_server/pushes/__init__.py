"""Pushes in progress: streams between the event loop and a volume's threads."""
