"""The metadata database: resources, operations, desired and observed state. The only place with SQL."""
