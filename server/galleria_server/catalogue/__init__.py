"""Use cases: what a call does within one transaction. Synchronous; rules from `domain`, rows from `metadata`."""
