"""What developers run that is no test: chaos, the settings page, the requirements report, the costs of a step."""
