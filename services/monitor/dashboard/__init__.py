"""The dashboard: the page for people, over the same view as the API. All of it is drawn once a tick, for all."""
