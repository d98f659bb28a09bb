"""What GitHub's git server says to a push it refuses: the `remote:` lines, and the reason behind the ref.

`{ref}`, `{branch}` and `{place}` (the repository's page) are filled in.
https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/troubleshooting-rules
"""

REJECTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "protected": (
        (
            "error: GH006: Protected branch update failed for {ref}.",
            "error: Changes must be made through a pull request.",
        ),
        "protected branch hook declined",
    ),
    "ruleset": (
        (
            "error: GH013: Repository rule violations found for {ref}.",
            "Review all repository rules at {place}/rules?ref=refs%2Fheads%2F{branch}",
            "",
            "- Changes must be made through a pull request.",
            "",
        ),
        "push declined due to repository rule violations",
    ),
    "secret": (
        (
            "error: GH013: Repository rule violations found for {ref}.",
            "",
            "- GITHUB PUSH PROTECTION",
            "  —————————————————————————————————————————",
            "    Resolve the following violations before pushing again",
            "",
            "    - Push cannot contain secrets",
            "",
        ),
        "push declined due to repository rule violations",
    ),
    "large": (
        (
            "error: Trace: 0f2c0ffee",
            "error: See https://gh.io/lfs for more information.",
            "error: File big.bin is 101.00 MB; this exceeds GitHub's file size limit of 100.00 MB",
            "error: GH001: Large files detected. You may want to try Git Large File Storage - https://git-lfs.github.com.",
        ),
        "pre-receive hook declined",
    ),
}
