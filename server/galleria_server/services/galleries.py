"""The Galleries service."""

from galleria.v1.galleries_pb2_grpc import GalleriesServicer
from galleria_server.services.definition_methods import DefinitionMethods
from galleria_server.services.gallery_methods import GalleryMethods
from galleria_server.services.tree_methods import TreeMethods
from galleria_server.services.version_methods import VersionMethods


class Galleries(GalleryMethods, DefinitionMethods, VersionMethods, TreeMethods, GalleriesServicer):
    """Galleries, image definitions and image versions."""
