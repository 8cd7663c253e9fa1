"""Packs: append-only objects full of records (FORMAT.md section 6)."""
