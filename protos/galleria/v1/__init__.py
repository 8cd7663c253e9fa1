"""Version 1 of the wire contract: modules generated from the .proto files beside this one."""
