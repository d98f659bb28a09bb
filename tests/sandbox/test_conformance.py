"""What every backend must do, tried with real processes. Those marked `walled` need a wall to be true."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from github_app.core.confinement import Ended, Ending
from github_app.errors import SandboxError

TRY = """
import json, os, socket, sys
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
"""


@pytest.mark.parametrize("code", [0, 255])
def test_the_exit_code_is_the_programs(bench, code):
    ended = bench.run(f"raise SystemExit({code})")
    assert (ended.ending, ended.exit_code, ended.ok) == (Ending.EXITED, code, code == 0)


@pytest.mark.parametrize("name", ["SIGTERM"])
def test_a_signal_that_is_not_ours_is_named(bench, name):
    ended = bench.run(f"import os, signal; os.kill(os.getpid(), signal.{name})")
    assert (ended.ending, ended.exit_code, ended.note) == (Ending.SIGNALLED, None, name)


def test_a_program_that_is_not_there_is_not_started(bench):
    ended = bench.sandbox.start(bench.confinement("", argv=("no-such-program",))).wait(20)
    assert (ended.ending, ended.exit_code) == (Ending.NOT_STARTED, None)
    assert "no-such-program" in ended.note


@pytest.mark.parametrize("program", ["/no/such/program", "/etc/passwd", "./lost", ".."])
def test_what_cannot_be_executed_is_not_started(sturdy, program):
    (sturdy.tree / "lost").write_text("#!/no/such/interpreter\n")
    (sturdy.tree / "lost").chmod(0o755)
    ended = sturdy.sandbox.start(sturdy.confinement("", argv=(program,))).wait(20)
    assert (ended.ending, ended.exit_code) == (Ending.NOT_STARTED, None)
    assert program.strip("./") in ended.note


def test_a_program_outside_what_may_be_read_is_not_started(walled):
    program = walled.place / "program"
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o755)
    ended = walled.sandbox.start(walled.confinement("", argv=(str(program),))).wait(20)
    assert (ended.ending, walled.stdout) == (Ending.NOT_STARTED, "")


def test_standard_input_arrives_whole_and_ends(bench):
    ended = bench.run("import sys; print(len(sys.stdin.buffer.read()))", stdin=b"x" * 3_000_000)
    assert (ended.ok, bench.stdout) == (True, "3000000\n")


def test_a_program_may_leave_its_input_unread(sturdy):
    assert sturdy.run("print('no thanks')", stdin=b"x" * 3_000_000).ok


def test_both_outputs_are_appended_to_their_files(bench):
    (bench.place / "stdout").write_text("before\n")
    ended = bench.run("import sys; print('out'); print('err', file=sys.stderr)")
    assert (ended.ok, bench.stdout, bench.stderr) == (True, "before\nout\n", "err\n")


def test_p20_the_environment_equals_the_allow_list_exactly(bench, monkeypatch):
    monkeypatch.setenv("REMIT_CANARY", "canary")
    env = {"ONLY": "this = that\nand that"}
    ended = bench.sandbox.start(bench.confinement("", argv=("/usr/bin/env", "-0"), env=env)).wait(20)
    assert ended.ok
    assert dict(line.split("=", 1) for line in bench.stdout.split("\0") if line) == env


def test_no_descriptor_but_the_three_standard_ones_is_open(bench):
    script = TRY + "print([n for n in range(3, 4096) if attempt(lambda: os.fstat(n)) == 'done'])"
    assert (bench.run(script).ok, bench.stdout) == (True, "[]\n")


def test_there_is_no_controlling_terminal(sturdy):
    assert sturdy.run(TRY + "print(attempt(lambda: open('/dev/tty')))").ok
    assert sturdy.stdout != "done\n"


def test_code_never_runs_as_root(bench):
    assert bench.run("import os; print(0 in os.getresuid(), 0 in os.getresgid(), 0 in os.getgroups())").ok
    assert bench.stdout == "False False False\n"


def test_code_runs_at_the_lowest_priority(bench):
    assert bench.run("import os; print(os.getpriority(os.PRIO_PROCESS, 0))").ok
    assert bench.stdout == "19\n"


def test_everyday_programs_work(bench):
    script = """
set -e
git init -q . && git -c user.name=a -c user.email=a@example.invalid commit -q --allow-empty -m first
git log --format=%s
printf 'all:\\n\\techo made\\n' > Makefile && make -s
echo told > /dev/stderr
command -v node >/dev/null && node -e 'console.log("node")' || echo node
"""
    env = {"PATH": bench.sandbox.search_path, "LANG": "C.UTF-8", "HOME": str(bench.tree), "GIT_CONFIG_NOSYSTEM": "1"}
    ended = bench.sandbox.start(bench.confinement("", argv=("sh", "-c", script), env=env)).wait(20)
    assert (ended, bench.stdout) == (
        Ended(ending=Ending.EXITED, exit_code=0, seconds=ended.seconds),
        "first\nmade\nnode\n",
    )


def test_the_wall_clock_ends_a_run(bench):
    ended = bench.run("import time; print('on', flush=True); time.sleep(60)", bounds={"wall_seconds": 0.4})
    assert (ended.ending, bench.alive()) == (Ending.WALL, [])
    assert ended.seconds < 2


def test_silence_ends_a_run_and_output_puts_it_off(sturdy):
    script = "import time\nfor _ in range(5): print('x', flush=True); time.sleep(.1)\ntime.sleep(60)"
    ended = sturdy.run(script, bounds={"silence_seconds": 0.4})
    assert (ended.ending, sturdy.stdout) == (Ending.SILENCE, "x\n" * 5)


def test_f26_a_flood_of_output_is_cut_at_the_limit(bench):
    ended = bench.run("while True: print('x' * 1000)", bounds={"output_bytes": 300_000})
    assert (ended.ending, len(bench.stdout)) == (Ending.OUTPUT, 300_000)


def test_both_outputs_count_together_even_at_the_very_end(sturdy):
    script = "import os; os.write(1, b'x' * 600); os.write(2, b'y' * 600)"
    ended = sturdy.run(script, bounds={"output_bytes": 1000})
    assert (ended.ending, len(sturdy.stdout) + len(sturdy.stderr)) == (Ending.OUTPUT, 1000)


def test_memory_of_one_process_is_bounded(bench):
    script = "x = []\nwhile True: x.append(bytearray(8 << 20))"
    ended = bench.run(script, bounds={"memory_bytes": 128 << 20})
    assert ended.ending is Ending.MEMORY


def test_memory_of_the_whole_family_is_bounded(bench):
    script = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        kept = bytearray(60 << 20)
        break
time.sleep(.7)
"""
    ended = bench.run(script, bounds={"memory_bytes": 160 << 20})
    # a wall may refuse the memory to the child that asks for too much instead of ending the run
    assert ended.ending is Ending.MEMORY or (ended.ok and bench.sandbox.name == "landlock")


def test_memory_that_no_process_maps_is_bounded(bench):
    script = """
import os, time
held = os.memfd_create("hidden")
for _ in range(300): os.write(held, b"x" * (1 << 20))
time.sleep(30)
"""
    assert bench.run(script, bounds={"memory_bytes": 128 << 20}).ending is Ending.MEMORY


def test_f27_a_large_file_is_refused_or_ends_the_run(bench):
    script = (
        TRY
        + """
def fill():
    with open("big", "wb") as file:
        for _ in range(60): file.write(b"x" * (1 << 20))
print(attempt(fill))
"""
    )
    ended = bench.run(script, bounds={"disk_bytes": 20 << 20})
    assert ended.ending is Ending.DISK or bench.stdout == "OSError\n"
    assert (bench.tree / "big").stat().st_size <= 20 << 20


@pytest.mark.parametrize(
    "fill",
    [
        "open(f'f{n}', 'wb').write(b'x' * 500_000)",
        "open(f'e{n}', 'wb').close()",
        "os.makedirs(f'd{n}/' + 'x/' * 20)",
        "held.append(open('gone', 'wb')); os.unlink('gone'); held[-1].write(b'x' * 500_000); held[-1].flush()",
        "os.makedirs('h', 448, True); os.chmod('h', 448); open(f'h/{n}', 'w').write('x' * 500000); os.chmod('h', 0)",
    ],
    ids=["many files", "empty files", "directories", "deleted files", "hidden files"],
)
def test_f27_disk_is_bounded_however_it_is_filled(sturdy, fill):
    script = (
        f"import os, time\nheld = []\nfor n in range(4000):\n    {fill}\n    n % 50 or time.sleep(.01)\ntime.sleep(30)"
    )
    ended = sturdy.run(script, bounds={"disk_bytes": 4 << 20})
    assert ended.ending is Ending.DISK


def test_what_was_there_before_does_not_count_as_growth(sturdy):
    assert sturdy.run("open('big', 'wb').write(b'x' * (6 << 20))", bounds={"disk_bytes": 8 << 20}).ok
    script = "import time; open('more', 'wb').write(b'x' * (6 << 20)); time.sleep(.6)"
    assert sturdy.run(script, bounds={"disk_bytes": 8 << 20}).ok


def test_open_files_are_bounded(bench):
    script = (
        TRY + "kept = []\nprint(attempt(lambda: [kept.append(open('/dev/null')) for _ in range(200)]), len(kept) < 64)"
    )
    assert bench.run(script, bounds={"open_files": 64}).ok
    assert bench.stdout == "OSError True\n"


def test_processes_are_bounded(bench):
    script = """
import os, time
made = 0
try:
    while made < 200:
        if os.fork() == 0:
            time.sleep(5); os._exit(0)
        made += 1
except OSError as error:
    print(type(error).__name__, 5 < made < 100)
"""
    assert bench.run(script, bounds={"processes": 20}).ok
    assert bench.stdout == "BlockingIOError True\n"


def test_f25_a_fork_bomb_is_dead_soon_after_the_end(bench):
    script = """
import os, time
def bomb():
    while True:
        try: os.fork()
        except OSError: pass
print("on", flush=True)
bomb()
"""
    begun = time.monotonic()
    ended = bench.run(script, bounds={"wall_seconds": 0.5, "processes": 60})
    assert (ended.ending, bench.alive()) == (Ending.WALL, [])
    assert time.monotonic() - begun < 5


def test_kill_ends_a_hundred_and_fifty_processes_that_ignore_sigterm(bench):
    script = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(150):
    if os.fork() == 0:
        break
else:
    print("on", flush=True)
time.sleep(60)
"""
    running = bench.start(script)
    assert bench.says("on")
    assert len(bench.alive()) >= 151
    begun = time.monotonic()
    running.kill()
    ended = running.wait(10)
    assert (ended.ending, bench.alive()) == (Ending.CANCELLED, [])
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("how", ["os.setsid()", "os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0)"])
def test_t43_nobody_outlives_the_program(bench, how):
    script = f"""
import os, time
if os.fork() == 0:
    {how}
    print("away", flush=True)
    time.sleep(60)
time.sleep(.3)
print("done")
"""
    ended = bench.run(script)
    assert (ended.ok, sorted(bench.stdout.split()), bench.alive()) == (True, ["away", "done"], [])


def test_a_lease_that_is_not_renewed_ends_the_run(bench):
    running = bench.start("import time; time.sleep(60)")
    running.renew(0.3)
    ended = running.wait(10)
    assert (ended.ending, bench.alive()) == (Ending.LEASE, [])


def test_a_renewed_lease_lets_the_run_live(sturdy):
    running = sturdy.start("import time; time.sleep(.6)")
    for _ in range(6):
        running.renew(0.4)
        assert running.wait(0.1) is None or running.wait().ok
    assert running.wait(10).ok


def test_wait_gives_up_when_its_seconds_passed(sturdy):
    running = sturdy.start("import time; time.sleep(60)")
    assert running.wait(0.05) is None
    running.kill()
    running.kill()
    assert running.wait(10).ending is Ending.CANCELLED
    running.kill()
    running.renew(5)
    assert running.wait().ending is Ending.CANCELLED


WORKER = """
import json, sys, time
from pathlib import Path
from github_app.core.confinement import Bounds, Confinement
from github_app.sandbox.registry import sandbox_named
name, place, token = sys.argv[1:]
sandbox = sandbox_named(name)
script = '''
import os, time
if os.fork() == 0:
    os.setsid()
print("on", flush=True)
time.sleep(60)
'''
run = sandbox.start(Confinement(
    argv=(str(sandbox.interpreter), "-I", "-c", script, token),
    cwd=Path(place, "tree"), stdout=Path(place, "stdout"), stderr=Path(place, "stderr"),
    writable=(Path(place, "tree"),), env={"PATH": sandbox.search_path, "LANG": "C.UTF-8"},
))
run.renew(float(sys.stdin.readline()))
print(run.guard_pid, flush=True)
run.wait()
"""


def worker_for(bench, lease):
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, bench.sandbox.name, str(bench.place), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    process.stdin.write(f"{lease}\n")
    process.stdin.flush()
    guard = int(process.stdout.readline())
    assert bench.until(lambda: (bench.place / "stdout").read_text().count("on") == 2)
    return process, guard


def family_of(pid):
    children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(member for child in children for member in family_of(child))]


def gone(pids):
    return all(not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text() for pid in pids)


def test_f05_a_worker_killed_with_sigkill_leaves_no_survivor(bench):
    worker, guard = worker_for(bench, 60)
    family = family_of(guard)
    assert len(family) >= 3
    worker.kill()
    worker.communicate()
    assert bench.until(lambda: gone(family), 5)


def test_a_stopped_worker_loses_its_run_by_the_lease(bench):
    worker, guard = worker_for(bench, 0.5)
    family = family_of(guard)
    worker.send_signal(signal.SIGSTOP)
    assert bench.until(lambda: gone(family), 5)
    worker.send_signal(signal.SIGCONT)
    worker.communicate(timeout=10)


def test_f05_a_guard_killed_with_sigkill_leaves_no_survivor_and_no_result(walled):
    running = walled.start("import os, time; os.fork() or os.setsid(); print('on', flush=True); time.sleep(60)")
    assert walled.until(lambda: walled.stdout.count("on") == 2)
    os.kill(running.guard_pid, signal.SIGKILL)
    ended = running.wait(10)
    assert ended.ending is Ending.BROKEN
    assert walled.until(lambda: walled.alive() == [], 2)


def test_f05_a_launcher_killed_with_sigkill_leaves_no_survivor_and_no_result(walled):
    running = walled.start("import os, time; os.fork() or os.setsid(); print('on', flush=True); time.sleep(60)")
    assert walled.until(lambda: walled.stdout.count("on") == 2)
    os.kill(family_of(running.guard_pid)[1], signal.SIGKILL)
    assert (running.wait(10).ending, walled.alive()) == (Ending.BROKEN, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can own a directory that the agents' account cannot enter")
def test_a_path_out_of_reach_is_named_and_nothing_runs(bench):
    private = bench.place / "private"
    (private / "tree").mkdir(parents=True)
    private.chmod(0o700)
    (private / "tree").chmod(0o777)
    with pytest.raises(SandboxError, match=str(private)):
        bench.start("print('ran')", writable=(bench.tree, private / "tree"))
    assert bench.stdout == ""


def test_a_writable_path_inside_a_readable_one_is_writable_and_so_is_the_reverse(walled):
    (walled.place / "given/inner").mkdir(parents=True)
    (walled.place / "given").chmod(0o755)
    (walled.place / "given/inner").chmod(0o777)
    (walled.tree / "shown").mkdir()
    (walled.tree / "shown").chmod(0o777)
    script = (
        TRY
        + f"""
print([attempt(lambda: open(os.path.join({str(walled.place)!r}, path, "new"), "w"))
       for path in ("given", "given/inner", "tree/shown")])
"""
    )
    paths = {
        "readable": (walled.place / "given", walled.tree / "shown"),
        "writable": (walled.tree, walled.place / "given/inner"),
    }
    assert walled.run(script, **paths).ok
    assert walled.stdout.split()[1:] == ["'done',", "'done']"]
    assert "done" not in walled.stdout.split()[0]


def test_t18_files_outside_are_refused(walled):
    secret = walled.place / "secret"
    secret.write_text("canary")
    secret.chmod(0o666)
    script = (
        TRY
        + f"""
print(attempt(lambda: open({str(secret)!r})), attempt(lambda: open({str(secret)!r}, "a")))
for path in ("/etc/shadow", "/root/x", "/tmp/x-{walled.token}", "/var/lib/dpkg/status", "/usr/bin/x"):
    print(path, attempt(lambda: open(path, "a")))
for path in ("/home", "/tmp", {str(walled.place)!r}):
    print(path, attempt(lambda: os.listdir(path)))
"""
    )
    assert walled.run(script).ok
    assert "canary" not in walled.stdout
    words = walled.stdout.replace("FileNotFoundError", "refused").replace("PermissionError", "refused")
    words = words.replace("OSError", "refused")
    assert "done" not in words.splitlines()[0]
    assert all(line.endswith(" refused") for line in words.splitlines()[1:6])
    assert secret.read_text() == "canary"
    assert not Path(f"/tmp/x-{walled.token}").exists()


def test_t20_a_symbolic_link_does_not_lead_out(walled):
    outside = walled.place / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    script = (
        TRY
        + f"""
os.symlink({str(outside)!r}, "way")
print(attempt(lambda: open("way/file", "w")))
os.symlink("/etc/shadow", "shadow")
print(attempt(lambda: open("shadow")))
print(attempt(lambda: os.link("/etc/passwd", "hard")))
"""
    )
    assert walled.run(script).ok
    assert "done" not in walled.stdout
    assert list(outside.iterdir()) == []


def test_readable_paths_can_be_read_and_not_written(walled):
    given = walled.place / "given"
    given.mkdir()
    (given / "file").write_text("text")
    given.chmod(0o777)
    (given / "file").chmod(0o666)
    script = (
        TRY
        + f"""
print(open({str(given / "file")!r}).read())
print(attempt(lambda: open({str(given / "file")!r}, "w")), attempt(lambda: open({str(given / "new")!r}, "w")))
"""
    )
    assert walled.run(script, readable=(given,)).ok
    assert walled.stdout.splitlines()[0] == "text"
    assert "done" not in walled.stdout
    assert (given / "file").read_text() == "text"


def test_the_network_is_refused(walled):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{walled.token}")
        abstract.listen()
        with socket.socket(socket.AF_UNIX) as named:
            named.bind(str(walled.place / "socket"))
            (walled.place / "socket").chmod(0o777)
            named.listen()
            script = (
                TRY
                + f"""
def to(family, address, kind=socket.SOCK_STREAM):
    def connect():
        with socket.socket(family, kind) as made:
            made.settimeout(2)
            made.connect(address)
            if kind == socket.SOCK_DGRAM: made.send(b"x")
    return attempt(connect)
print(json.dumps([
    to(socket.AF_INET, ("127.0.0.1", {server.getsockname()[1]})),
    to(socket.AF_INET, ("169.254.169.254", 80)),
    to(socket.AF_INET, ("127.0.0.1", 53), socket.SOCK_DGRAM),
    to(socket.AF_INET6, ("::1", 80)),
    to(socket.AF_UNIX, "\\0{walled.token}"),
    to(socket.AF_UNIX, {str(walled.place / "socket")!r}),
    attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
]))
"""
            )
            assert walled.run(script).ok
            server.settimeout(0)
            with pytest.raises(BlockingIOError):
                server.accept()
    answers = json.loads(walled.stdout)
    if walled.sandbox.name == "bubblewrap":
        answers.pop(2)  # a datagram to its own, empty loopback goes nowhere
    assert "done" not in answers


def test_one_loopback_port_can_be_opened(walled):
    if walled.sandbox.name == "bubblewrap":
        with pytest.raises(SandboxError, match="cannot open single loopback ports"):
            walled.start("", connect=(1,))
        return
    with socket.create_server(("127.0.0.1", 0)) as allowed, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (allowed, other)]
        script = TRY + f"print([attempt(lambda: socket.create_connection(('127.0.0.1', port), 2)) for port in {ports}])"
        assert walled.run(script, connect=(ports[0],)).ok
        other.settimeout(0)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert walled.stdout.startswith("['done', '")
    assert walled.stdout.count("done") == 1


def test_t18_nothing_of_another_process_can_be_read(walled):
    script = (
        TRY
        + f"""
own = {{name + b"=" + value for name, value in os.environb.items()}} | {{b""}}
for pid in (1, os.getppid(), {os.getpid()}):
    try:
        found = set(open(f"/proc/{{pid}}/environ", "rb").read().split(b"\\0"))
    except OSError:
        found = set()
    print(found <= own)
print(attempt(lambda: open("/proc/{os.getpid()}/mem", "rb")), attempt(lambda: os.listdir("/proc/{os.getpid()}/fd")))
"""
    )
    assert walled.run(script).ok
    assert walled.stdout.splitlines()[:3] == ["True"] * 3
    assert "done" not in walled.stdout


def test_the_guard_the_launcher_and_other_processes_cannot_be_signalled(walled):
    script = """
import os, signal, time
while not os.path.exists("targets/whole"):
    time.sleep(.01)
for pid in (os.getppid(), *map(int, open("targets/pids").read().split())):
    for number in (signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except OSError as error:
            print(type(error).__name__)
"""
    (walled.tree / "targets").mkdir()
    with subprocess.Popen(["sleep", "60"]) as other:
        running = walled.start(script)
        launcher = family_of(running.guard_pid)[1]
        (walled.tree / "targets" / "pids").write_text(f"{running.guard_pid} {launcher} {other.pid}")
        (walled.tree / "targets" / "whole").touch()
        ended = running.wait(10)
        survived = other.poll() is None
        other.kill()
    refused = walled.stdout.split()
    # with a process namespace the parent is that namespace's first process, which signals from inside do not reach
    assert (ended.ok, survived) == (True, True)
    assert len(refused) >= 6


def test_namespaces_and_kernel_doors_stay_shut(walled):
    script = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, PTRACE_TRACEME = 0x10000000, 0
print(libc.unshare(CLONE_NEWUSER), libc.mount(b"none", b"/", b"tmpfs", 0, None))
"""
    assert walled.run(script).ok
    assert walled.stdout == "-1 -1\n"


def test_orders_no_wall_can_hold_are_refused_with_a_sentence(sturdy):
    for changes, sentence in (
        ({"argv": ()}, "no program"),
        ({"argv": ("a\0b",)}, "no program can be given"),
        ({"env": {"A=B": "c"}}, "no program can be given"),
        ({"cwd": sturdy.place / "missing"}, "does not exist"),
        ({"stdout": sturdy.tree / "stdout"}, "may write"),
    ):
        with pytest.raises(SandboxError, match=sentence):
            sturdy.start("", **changes)


def test_output_files_are_never_opened_through_a_symbolic_link(sturdy):
    victim = sturdy.place / "victim"
    victim.write_text("text")
    (sturdy.place / "stdout").symlink_to(victim)
    with pytest.raises(SandboxError, match="could not be started"):
        sturdy.start("print('x')")
    assert victim.read_text() == "text"
