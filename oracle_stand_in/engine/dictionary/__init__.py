"""The data dictionary: views of the schema and the server, worked out from the catalog whenever they are asked for."""
