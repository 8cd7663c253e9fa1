"""What lists are filtered by: a small part of AIP-160, stated in `protos/README.md`."""

from galleria_server.domain.filters.binding import Filter, bind
from galleria_server.domain.filters.parser import FIELD, parse
from galleria_server.domain.filters.shapes import Choice, Dictionary, Listed, Scalar, Shape, Struct

__all__ = ["FIELD", "Choice", "Dictionary", "Filter", "Listed", "Scalar", "Shape", "Struct", "bind", "parse"]
