"""Tests of the client library and command line."""
