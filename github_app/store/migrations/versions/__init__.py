"""One file for each schema version, named after it."""
