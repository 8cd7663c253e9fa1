"""The synchronous client; all but the transport is written from `_async`."""
