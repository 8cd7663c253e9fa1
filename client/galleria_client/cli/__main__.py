"""`python -m galleria_client.cli` is `galleria`."""

from galleria_client.cli import main

main()
