"""A real worker process over somebody else's database and GitHub, which dies or freezes where it is told to.

`at` is searched in "METHOD /path body" of each request; the signal goes to the process itself, before the request is
sent or after its answer came. The product knows nothing of it: it is the HTTP transport, which tests may replace.
"""

import os
import re
from pathlib import Path

import httpx

from github_app.policies import Policies
from github_app.settings import read_settings
from github_app.wiring import Parts, all_secrets, make_github, make_worker, make_workshop, open_database


class Deadly(httpx.BaseTransport):
    def __init__(self, at, when, signal):
        self.at, self.when, self.signal = re.compile(at), when, signal
        self.inner = httpx.HTTPTransport()
        self.struck = False

    def handle_request(self, request):
        line = f"{request.method} {request.url.path} {request.read().decode(errors='replace')}"
        hit = not self.struck and self.at.search(line) is not None
        if hit and self.when == "before":
            self.struck = True
            os.kill(os.getpid(), self.signal)
        answer = self.inner.handle_request(request)
        if hit and not self.struck:
            answer.read()
            self.struck = True
            os.kill(os.getpid(), self.signal)
        return answer


def work(told, over):
    settings = read_settings(_env_file=None, **told["settings"])
    transport = Deadly(told["at"], told["when"], told["signal"]) if told["at"] else None
    parts = Parts(transport=transport, clock=lambda: told["now"])
    db, github = open_database(settings, parts), make_github(settings, parts)
    shop = make_workshop(settings, all_secrets(settings, github), told["environment"])
    worker = make_worker(settings, db, github, Policies(Path(told["policy"])), shop)
    if told["serve"]:
        worker.begin()
        over.wait()
        worker.stop(patience=10)
    else:
        worker.run_until_idle()
        told["now"] += 1000  # status comments settle for a second
        worker.run_until_idle()
