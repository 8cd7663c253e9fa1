"""Collection on a server: what was deleted gives its bytes back, in time or when asked."""
