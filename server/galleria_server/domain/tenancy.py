"""Who owns things on an installation without authentication: one tenant with one subscription."""

from uuid import UUID

DEFAULT_TENANT = UUID("c5d3a1e0-6b1f-4f0a-9a57-000000000001")
DEFAULT_SUBSCRIPTION = UUID("c5d3a1e0-6b1f-4f0a-9a57-000000000002")
