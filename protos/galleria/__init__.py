"""The wire contract of Galleria, one package a version."""
