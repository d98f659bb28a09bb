"""Trusted git: mirrors, worktrees, the way back from a run, and the push. Nothing here believes what a run made."""
