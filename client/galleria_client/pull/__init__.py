"""Pulling: verified pages → what is there and seeds → records of the rest → threads that expand, check and write."""
