"""How the tables came about, one step a revision (Alembic)."""
