"""Calls an API for many users, as applications do, and tells each second what came of it; see README.md.

    python worker.py '{"config": {…}, "url": "…", "grants": 50, "tasks": 4, "rate": 25}'
"""

import http.client
import json
import random
import signal
import sys
import threading
import time
from urllib.parse import urlsplit

import evergrant

work = json.loads(sys.argv[1])
client = evergrant.Client(**work["config"])
stopped = threading.Event()
lock = threading.Lock()
ok = {"request": 0, "headers": 0}
longest_gap = 0.0


def tell(**line):
    with lock:
        print(json.dumps(line), flush=True)


def task(number):
    """Every second call goes through `headers` and an HTTP client of its own."""
    order = random.sample(range(work["grants"]), work["grants"])
    period = work["tasks"] / work["rate"]
    connection = http.client.HTTPConnection(urlsplit(work["url"]).netloc, timeout=30)
    waiting_since = {}
    turn = number
    while not stopped.wait(period * random.uniform(0.5, 1.5)):
        subject = f"u{order[turn // 2 % len(order)]}"
        way = "headers" if turn % 2 else "request"
        turn += 1
        call(client.grant(subject), subject, way, connection, waiting_since)
    for subject, since in waiting_since.items():
        tell(failure="still waiting", subject=subject, gap=time.monotonic() - since)


def call(grant, subject, way, connection, waiting_since):
    global longest_gap
    since = waiting_since.setdefault(subject, time.monotonic())
    try:
        status = grant.get(work["url"]).status if way == "request" else by_hand(grant, connection)
    except evergrant.Error as error:
        tell(failure=error.code, way=way, subject=subject, message=str(error), at=time.time())
        return
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        tell(failure="http", way=way, subject=subject, message=repr(error), at=time.time())
        return
    if status != 200:
        tell(failure=status, way=way, subject=subject, at=time.time())
        return
    del waiting_since[subject]
    with lock:
        ok[way] += 1
        longest_gap = max(longest_gap, time.monotonic() - since)


def by_hand(grant, connection):
    """The 401 rule for a caller with an HTTP client of its own."""
    headers = grant.headers("GET", work["url"])
    status = send(connection, headers)
    if status == 401:
        newer = grant.headers("GET", work["url"], refused=headers["Authorization"])
        status = send(connection, newer)
    return status


def send(connection, headers):
    connection.request("GET", urlsplit(work["url"]).path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def tell_second():
    global longest_gap
    with lock:
        line = {"ok": sum(ok.values()), "headers": ok["headers"], "gap": longest_gap, "at": time.time()}
        ok["request"] = ok["headers"] = longest_gap = 0
    tell(**line)


signal.signal(signal.SIGTERM, lambda *_: stopped.set())
tasks = [threading.Thread(target=task, args=[number]) for number in range(work["tasks"])]
for one in tasks:
    one.start()
while not stopped.wait(1):
    tell_second()
for one in tasks:
    one.join()
tell_second()
client.close()
