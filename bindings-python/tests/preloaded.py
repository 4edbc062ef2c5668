"""A WSGI application for gunicorn --preload: its client is opened and used before the workers are forked."""

import json
import os

import evergrant

client = evergrant.Client(**json.loads(os.environ["CLIENT_CONFIG"]))
client.grant("alice").get(os.environ["API"])
opened_in = os.getpid()


def application(environ, start_response):
    status = client.grant("alice").get(os.environ["API"]).status
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"status": status, "worker": os.getpid(), "opened_in": opened_in}).encode()]
