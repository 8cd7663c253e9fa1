"""Programs that measure Galleria on real images."""
