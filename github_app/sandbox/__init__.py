"""Where untrusted code runs: one file per backend, one registry, one guard per run."""
