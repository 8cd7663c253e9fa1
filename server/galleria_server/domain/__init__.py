"""The rules of the catalogue, free of transport and database."""
