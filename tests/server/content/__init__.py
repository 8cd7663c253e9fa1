"""Tests of the half of the server that keeps bytes."""
