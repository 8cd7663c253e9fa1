"""The Applications service."""

from galleria.v1.applications_pb2_grpc import ApplicationsServicer
from galleria_server.services.application_methods import ApplicationMethods
from galleria_server.services.application_version_methods import ApplicationVersionMethods


class Applications(ApplicationMethods, ApplicationVersionMethods, ApplicationsServicer):
    """Applications and application versions."""
