"""The client runs on the base install: it never loads what only the extras bring."""

import json
import subprocess
import sys

LOAD_EVERY_MODULE = """
import galleria_client, importlib, json, pkgutil, sys
names = [module.name for module in pkgutil.walk_packages(galleria_client.__path__, "galleria_client.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""
LOAD_THE_COMMAND_LINE = """
import galleria_client.cli.root, galleria_client._sync.client, json, sys
print(json.dumps(sorted(sys.modules)))
"""
# grpcio loads grpc_health and grpc_reflection by itself where they are installed, so they say nothing here.
ONLY_IN_EXTRAS = {
    "alembic",
    "cryptography",
    "galleria_server",
    "obstore",
    "prometheus_client",
    "psycopg",
    "pysqlite3",
    "rocksdict",
    "sqlalchemy",
}


def test_the_command_line_starts_without_what_is_slow_to_load() -> None:
    run = subprocess.run([sys.executable, "-c", LOAD_THE_COMMAND_LINE], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert "galleria_client.pull.seeds" in loaded
    assert loaded & {"importlib.metadata", "numpy"} == set()


def test_no_module_of_the_client_loads_an_extra() -> None:
    run = subprocess.run([sys.executable, "-c", LOAD_EVERY_MODULE], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert "galleria_client" in loaded
    assert loaded & ONLY_IN_EXTRAS == set()
