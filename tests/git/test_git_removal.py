"""A tree is removed without following a link that took a directory's place."""

import os

from github_app.git import removal


def test_a_link_in_a_directorys_place_does_not_lend_its_target_other_modes(tmp_path):
    (tmp_path / "ours").mkdir(mode=0o755)
    (tmp_path / "ours").chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    here = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        removal._open_up("link", here)
        assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o755
        removal._open_up("ours", here)
        assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o700
    finally:
        os.close(here)
