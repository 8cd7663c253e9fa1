"""Pushing: source → scanner → offers → codec threads → stream, with bounded memory."""
