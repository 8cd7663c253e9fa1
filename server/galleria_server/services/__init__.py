"""The gRPC services: parse, call, convert."""
