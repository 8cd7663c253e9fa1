"""Every call is bound to exactly one action."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from google.longrunning import operations_pb2
from google.protobuf.descriptor import FileDescriptor

import galleria.v1
from galleria_server.domain.actions import ACTIONS, OPERATORS, action_of, is_deletion

PACKAGE = Path(next(iter(galleria.v1.__path__)))
FILES: list[FileDescriptor] = [
    operations_pb2.DESCRIPTOR,
    *(import_module(f"galleria.v1.{file.stem}").DESCRIPTOR for file in PACKAGE.glob("*_pb2.py")),
]
METHODS = {
    f"{service.full_name}/{method.name}"
    for file in FILES
    for service in file.services_by_name.values()
    for method in service.methods
}


def test_every_method_of_the_contract_has_an_action_and_no_other() -> None:
    assert len(METHODS) > 60
    assert ACTIONS.keys() == METHODS


@pytest.mark.parametrize("action", sorted(set(ACTIONS.values())))
def test_an_action_is_spelled_as_roles_have_it(action: str) -> None:
    assert re.fullmatch(r"(Microsoft\.[A-Z][a-z]+|Galleria)(/[a-zA-Z]+)+/(read|write|delete|action)", action)


def test_verbs_and_actions_agree() -> None:
    for method, action in ACTIONS.items():
        verb = re.match(r"[A-Z][a-z]+", method.rpartition("/")[2])
        assert verb is not None
        wanted = {"Get": "read", "List": "read", "Create": "write", "Update": "write", "Delete": "delete"}
        wanted |= {
            "Resolve": "read",
            "Wait": "read",
            "Watch": "read",
            "Preview": "read",
            "Add": "write",
            "Remove": "write",
            "Set": "write",
            "Restore": "write",
            "Purge": "delete",
        }
        ends = action.rpartition("/")[2]
        assert ends in (wanted.get(verb[0], "action"), "action") or (verb[0], ends) in (
            ("Resolve", "read"),
            ("Wait", "read"),
        )


def test_a_method_is_named_once_and_tells_whether_it_deletes() -> None:
    names = [method.rpartition("/")[2] for method in METHODS]
    assert len(names) == len(set(names))
    assert {name for name in names if is_deletion(name)} == {
        name for name in names if name.startswith(("Delete", "Purge"))
    }


def test_operators_have_actions_of_their_own() -> None:
    of_operators = {action for method, action in ACTIONS.items() if method.startswith("galleria.v1.Operators/")}
    assert all(action.startswith(OPERATORS) for action in of_operators)


def test_health_and_reflection_are_open_and_nothing_else_is() -> None:
    assert action_of("/grpc.health.v1.Health/Check") is None
    with pytest.raises(KeyError):
        action_of("/galleria.v1.Galleries/Nothing")
