"""A grant under the HTTP client that an application already has."""
