"""Meets a server that others wrote, in Python; the steps are told in README.md."""

import json
import sys
import time
from typing import Any

import evergrant

SECONDS_BETWEEN_CALLS = 0.1


def tell(**happened: object) -> None:
    print(json.dumps(happened), flush=True)


def consent(client: evergrant.Client, subject: str) -> None:
    tell(url=client.begin(subject).url)
    tell(generation=client.finish(sys.stdin.readline().strip()).generation)


def connect(client: evergrant.Client, subject: str) -> None:
    start = client.begin_device(subject)
    tell(url=start.verification_uri_complete)
    tell(generation=client.wait_device(start.state).generation)


def call(grant: Any, request: dict[str, Any]) -> None:
    answer = grant.request(**request)
    tell(status=answer.status, body=answer.text)


def meet(meeting: dict[str, Any]) -> None:
    with evergrant.Client(**meeting["config"]) as client:
        if meeting["consent"] == "device":
            connect(client, meeting["subject"])
        elif meeting["consent"]:
            consent(client, meeting["subject"])
        grant = client.grant(meeting["subject"])
        end = time.monotonic() + meeting["seconds"]
        call(grant, meeting["request"])
        while time.monotonic() < end:
            time.sleep(SECONDS_BETWEEN_CALLS)
            call(grant, meeting["request"])
        if meeting["force"]:
            tell(generation=grant.refresh(force=True)["generation"])
            call(grant, meeting["request"])


meet(json.loads(sys.argv[1]))
