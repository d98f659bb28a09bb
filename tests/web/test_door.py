"""The webhook door over real HTTP: what comes in, what is refused, and that a refusal leaves nothing but a count."""

import gzip
import json
import socket
import threading
import time

import pytest
from web_door import LIMIT_SECONDS, OLD_SECRET, SECRET, eventually, labelled, sign

from github_app.web.app import HOOK
from github_app.web.receive import LARGE, MAX_BODY

BODY = json.dumps(labelled()).encode()
HEAD = (
    f"POST {HOOK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    f"X-GitHub-Event: issues\r\nX-GitHub-Delivery: guid-1\r\nX-Hub-Signature-256: {sign(BODY)}\r\n"
)


def refused(door, answer, status, why):
    """Check a refusal: its status, its word, its count, and no row."""
    assert (status, why.replace("_", " ")) == (answer.status, answer.said["message"])
    assert door.count(why) == 1
    assert door.rows() == []


@pytest.mark.parametrize(
    "signatures",
    [
        [],
        ["sha256="],
        [sign(BODY)[:-1]],
        [sign(BODY, kind="sha1")],
        [sign(BODY).upper()],
        ["sha256=" + sign(BODY)[7:].upper()],
        [sign(BODY), sign(BODY)],
        [sign(BODY), sign(BODY, OLD_SECRET)],
        [sign(BODY, b"somebody else's secret")],
        [sign(BODY + b" ")],
    ],
)
def test_t01_a_delivery_without_one_exact_signature_is_refused_and_leaves_no_row(door, signatures):
    refused(door, door.post(BODY, signatures=signatures), 401, "bad_signature")


def test_t01_the_old_sha1_header_alone_is_no_signature(door):
    refused(door, door.post(BODY, signatures=[], X_Hub_Signature=sign(BODY, kind="sha1")), 401, "bad_signature")


def test_f38_while_secrets_rotate_both_are_good_and_counted(door):
    assert door.post(BODY, guid="a", signatures=[sign(BODY, SECRET)]).status == 202
    assert door.post(BODY, guid="b", signatures=[sign(BODY, OLD_SECRET)]).status == 202
    assert (door.count("signed_with_secret_0"), door.count("signed_with_secret_1")) == (1, 1)
    assert len(door.rows()) == 2


def test_a_good_delivery_is_in_the_database_when_it_is_acknowledged(door):
    answer = door.post(BODY)
    assert (answer.status, answer.said) == (202, {"message": "new"})
    assert door.rows() == [("guid-1", "issues", "labeled", 7, BODY)]


def test_the_same_guid_again_is_acknowledged_as_a_duplicate(door):
    door.post(BODY)
    answer = door.post(BODY)
    assert (answer.status, answer.said) == (202, {"message": "duplicate"})
    assert len(door.rows()) == 1


def test_the_worker_of_the_same_process_hears_of_it_when_the_burst_is_over(door):
    began = time.monotonic()
    door.post(BODY)
    [heard] = eventually(lambda: door.nudged)
    assert heard - began >= 0.05


@pytest.mark.parametrize("event", ["issue_comment", "pull_request", "installation"])
def test_t03_a_body_under_another_events_name_is_refused_when_it_does_not_fit(door, event):
    payload = labelled(action={"issue_comment": "created", "pull_request": "closed"}.get(event, "deleted"))
    payload["installation"] = {"id": 1} if event != "installation" else {}
    refused(door, door.post(payload, event=event), 400, "payload_does_not_fit_the_event")


@pytest.mark.parametrize("event", ["push", "ping", "star", "something_new"])
def test_p29_an_event_that_is_not_ours_is_acknowledged_without_a_row(door, event):
    answer = door.post({"zen": "Keep it logically awesome."}, event=event)
    assert (answer.status, answer.said["message"]) == (202, "ignored")
    assert door.rows() == []
    assert door.count("ignored") == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"drop": ["X-GitHub-Event"]}, "no_delivery_headers"),
        ({"drop": ["X-GitHub-Delivery"]}, "no_delivery_headers"),
        ({"event": "Issues"}, "no_delivery_headers"),
        ({"event": "issues; DROP"}, "no_delivery_headers"),
        ({"guid": "x" * 65}, "no_delivery_headers"),
        ({"guid": "a b"}, "no_delivery_headers"),
        ({"guid": "é"}, "no_delivery_headers"),
    ],
)
def test_t03_without_delivery_headers_it_is_not_a_delivery(door, changed, why):
    refused(door, door.post(BODY, **changed), 400, why)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ({"Content_Type": "application/x-www-form-urlencoded"}, "not_json"),
        ({"Content_Type": "text/plain"}, "not_json"),
        ({"drop": ["Content-Type"]}, "not_json"),
        ({"Content_Encoding": "gzip"}, "encoded_body"),
        ({"Content_Encoding": "br"}, "encoded_body"),
    ],
)
def test_t05_a_form_or_an_encoded_body_is_refused(door, kind, why):
    body = gzip.compress(BODY) if why == "encoded_body" else BODY
    refused(door, door.post(body, **kind), 415, why)


def test_t05_a_body_that_is_declared_too_large_is_refused_unread(door):
    answer = door.talk(HEAD.encode() + f"Content-Length: {MAX_BODY + 1}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()
    assert (door.count("too_large"), door.rows()) == (1, [])


def test_t05_a_body_that_turns_out_too_large_is_refused_while_it_streams(door):
    answer = door.post(b"x" * (MAX_BODY + 1), drop=["Content-Length"], Transfer_Encoding="chunked")
    # http.client sends the body as it is given: this is one chunk after its length
    assert answer.status in {400, 413}
    chunk = b"%x\r\n%s\r\n" % (1 << 20, b" " * (1 << 20))
    told = door.talk(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 25, chunk)
    assert told.startswith(b"HTTP/1.1 413 ")
    assert (door.count("too_large"), door.rows()) == (1, [])


def test_a_chunked_body_of_good_size_is_as_good_as_another(door):
    told = door.talk(
        HEAD.encode() + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    )
    assert told.startswith(b"HTTP/1.1 202 ")
    assert len(door.rows()) == 1


def test_t05_a_slow_body_is_cut_off_at_the_limit(door):
    began = time.monotonic()
    told = door.talk(HEAD.encode() + f"Content-Length: {len(BODY)}\r\n\r\n".encode(), BODY[:10])
    assert told.startswith(b"HTTP/1.1 408 ")
    assert LIMIT_SECONDS <= time.monotonic() - began < LIMIT_SECONDS * 3
    assert (door.count("too_slow"), door.rows()) == (1, [])


def test_t05_large_bodies_that_never_end_do_not_keep_others_out(door):
    dripping = HEAD.encode() + b"Content-Length: 20000000\r\n\r\n" + b" " * (LARGE + 10)
    held = []
    try:
        for _ in range(12):
            line = socket.create_connection(("127.0.0.1", door.port))
            line.sendall(dripping)
            held.append(line)
        assert door.post(BODY).status == 202
        payload = json.dumps(labelled(padding="x" * (2 * LARGE))).encode()
        answer = eventually(lambda: (a := door.post(payload, guid="large")).status == 202 and a, 10)
        assert answer.said == {"message": "new"}
    finally:
        for line in held:
            line.close()


def test_a_content_length_that_is_too_short_breaks_the_signature(door):
    told = door.talk(HEAD.encode() + f"Content-Length: {len(BODY) - 5}\r\n\r\n".encode(), BODY)
    assert told.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 "))
    assert door.rows() == []


def test_a_client_that_leaves_in_the_middle_is_counted_and_nothing_else(door):
    door.talk(HEAD.encode() + f"Content-Length: {len(BODY)}\r\n\r\n".encode(), BODY[:10], end=True)
    eventually(lambda: door.count("aborted") + door.count("too_slow") == 1)
    assert door.rows() == []


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999", "+5", "0x10"])
def test_a_content_length_that_is_no_number_is_refused(door, length):
    told = door.talk(HEAD.encode() + f"Content-Length: {length}\r\n\r\n".encode(), BODY)
    assert told.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert door.rows() == []


def test_two_framings_at_once_are_refused(door):
    told = door.talk(
        HEAD.encode() + f"Content-Length: {len(BODY)}\r\nTransfer-Encoding: chunked\r\n\r\n".encode(), BODY
    )
    assert b"HTTP/1.1 202" not in told
    assert door.rows() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"action":"labeled"}',
        b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        json.dumps(labelled()).replace('"number": 7', '"number": ' + "9" * 5000).encode(),
        json.dumps(labelled()).replace('"number": 7', '"number": 1e400').encode(),
        json.dumps(labelled()).replace('"number": 7', '"number": -1').encode(),
        json.dumps(labelled()).replace('"number": 7', '"number": 7.5').encode(),
        BODY[:-1] + b"\xff}",
        b"\xef\xbb\xbf" + BODY,
        BODY.decode().encode("utf-16"),
    ],
)
def test_t05_a_signed_body_that_is_not_the_event_is_400_and_never_500(door, body):
    refused(door, door.post(body), 400, "payload_does_not_fit_the_event")


@pytest.mark.parametrize("title", ["\\ud800", "\\u0000", "a\\u202eb", "\\uD83D\\uDE00"])
def test_t06_odd_text_inside_never_breaks_the_door(door, title):
    body = BODY.replace(b'"title": "x"', b'"title": "%s"' % title.encode())
    answer = door.post(body)
    assert answer.status in {202, 400}
    assert (answer.status == 202) == (len(door.rows()) == 1)


def test_a_database_that_is_broken_is_503_and_logged_and_never_acknowledged(door, capsys):
    with door.db.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE delivery RENAME TO elsewhere")
    answer = door.post(BODY)
    assert (answer.status, door.count("could_not_be_stored_send_it_again")) == (503, 1)
    assert door.ask("GET", "/healthz").status == 503
    with door.db.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO delivery")
    assert door.post(BODY).status == 202
    assert door.ask("GET", "/healthz").status == 200
    assert "delivery.not_stored" in "".join(capsys.readouterr())


def test_f11_a_database_that_is_busy_for_a_moment_only_delays_the_answer(door):
    with door.db.connect():
        timer = threading.Timer(0.3, lambda: None)
        timer.start()
        answers = []
        asking = threading.Thread(target=lambda: answers.append(door.post(BODY).status))
        asking.start()
        timer.join()
        assert answers == []
    asking.join()
    assert answers == [202]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_the_hook_only_takes_posts(door, method):
    assert door.ask(method, HOOK).status == 405


def test_nothing_else_takes_posts_at_all(door):
    assert {405} == {door.ask("POST", path).status for path in ("/", "/healthz", "/tasks/1", "/api/v1/tasks")}
    assert door.ask("POST", HOOK + "/").status == 404
