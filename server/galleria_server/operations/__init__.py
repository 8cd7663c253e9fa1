"""Waiting for operations."""
