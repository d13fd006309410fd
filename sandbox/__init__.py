"""What lets the whole pipeline run on one machine, without Docker and without Oracle."""
