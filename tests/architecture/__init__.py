"""Tests of the shape of the source tree itself."""
