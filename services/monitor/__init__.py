"""The monitor: reads Redis alone and serves its REST API."""
