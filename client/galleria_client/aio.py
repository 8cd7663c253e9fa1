"""The asynchronous client: the names of `galleria_client`, to be awaited."""

from galleria_client._async.client import Client
from galleria_client._async.operation import Operation
from galleria_client._async.pager import Pager

__all__ = ["Client", "Operation", "Pager"]
