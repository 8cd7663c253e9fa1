"""The Galleria server: the catalogue, the transfer of bytes and the reconciler behind gRPC."""
