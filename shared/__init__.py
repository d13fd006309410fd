"""What the services share: models, settings, Redis, lifecycle, logging. It knows nothing of services."""

__version__ = "0.2.0"
