"""Who does the work: one small file per agent CLI, one registry."""
