"""Which wall is chosen, as which account, and what is said when none is left."""

import os
from dataclasses import replace

import pytest

from github_app.core.confinement import Wall
from github_app.errors import SandboxError
from github_app.sandbox import registry
from github_app.sandbox.account import find_account
from github_app.sandbox.backends import BACKENDS
from github_app.sandbox.guarded import GuardedSandbox
from github_app.sandbox.registry import choose, sandbox_named
from github_app.sandbox.system import interpreter, search_path, system_paths


def broken(name):
    return replace(BACKENDS[name], missing=lambda: f"{name} was taken away")


def test_every_backend_is_registered_under_its_own_name():
    assert {name: backend.name for name, backend in BACKENDS.items()} == {name: name for name in BACKENDS}
    assert {backend.wall for backend in BACKENDS.values()} == {Wall.NONE, Wall.LANDLOCK, Wall.BUBBLEWRAP}


def test_auto_takes_the_strongest_that_works():
    try:
        sandbox, probe = choose("auto")
    except SandboxError as error:
        pytest.skip(str(error))
    assert probe.works
    assert sandbox.wall > Wall.NONE
    stronger = [name for name, backend in BACKENDS.items() if backend.wall > sandbox.wall]
    assert [name for name in stronger if sandbox_named(name).probe().works] == []


def test_auto_never_falls_back_to_no_wall_and_explains_every_refusal(monkeypatch):
    monkeypatch.setattr(
        registry,
        "BACKENDS",
        {"none": BACKENDS["none"], "landlock": broken("landlock"), "bubblewrap": broken("bubblewrap")},
    )
    with pytest.raises(SandboxError) as caught:
        choose(None)
    assert "Bubblewrap was taken away" in caught.value.sentence
    assert "Landlock was taken away" in caught.value.sentence
    assert "REMIT_SANDBOX=none" in caught.value.hint


def test_a_wall_asked_for_by_name_is_never_replaced_by_another(monkeypatch):
    monkeypatch.setattr(registry, "BACKENDS", BACKENDS | {"landlock": broken("landlock")})
    with pytest.raises(SandboxError, match="landlock does not work here: Landlock was taken away"):
        choose("landlock")


def test_the_probe_sees_through_a_wall_that_does_not_hold():
    painted = replace(BACKENDS["none"], wall=Wall.LANDLOCK, describe=lambda: "Painted paper")
    probe = GuardedSandbox(painted, find_account(None)).probe()
    assert not probe.works
    for attack in ("reading outside", "writing outside", "connecting"):
        assert attack in probe.sentence


def test_no_wall_is_given_only_by_name_and_says_so():
    sandbox, probe = choose("none")
    assert (sandbox.wall, probe.works) == (Wall.NONE, True)
    assert "nothing is confined" in probe.sentence


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(SandboxError) as caught:
        choose("gvisor")
    assert "landlock" in caught.value.hint


def test_root_is_never_the_account_of_agents():
    with pytest.raises(SandboxError, match="uid 0"):
        find_account("root")


def test_an_account_that_does_not_exist_is_refused():
    with pytest.raises(SandboxError, match="no account named no-such-account"):
        find_account("no-such-account")


def test_without_a_setting_root_hands_over_to_nobody_and_others_stay_themselves():
    account = find_account(None)
    if os.geteuid() == 0:
        assert (account.name, account.foreign) == ("nobody", True)
    else:
        assert (account.uid, account.foreign) == (os.geteuid(), False)


def test_the_account_can_reach_everything_it_is_told_of():
    account = find_account(None)
    python = interpreter(account)
    assert account.blocked_at(python) is None
    assert any(python.resolve().is_relative_to(path.resolve()) for path in system_paths(account))
    assert search_path(account).endswith("/sbin:/bin")


def test_nothing_private_of_the_machine_is_in_the_system_paths():
    paths = {str(path) for path in system_paths(find_account(None))}
    assert paths.isdisjoint({"/", "/etc", "/root", "/home", "/var", "/run", "/tmp", "/proc", "/dev", "/etc/shadow"})
