"""What the services share: models, settings, Redis, lifecycle, logging. It knows nothing of services."""

__version__ = "0.1.0"
