"""Calls an API for two users who consented earlier, about 20 times a second each.

    python demo.py PROVIDER STORE SECONDS
"""

import sys
import time

import evergrant

provider, store, seconds = sys.argv[1:]

oauth2 = evergrant.Client(
    provider=provider,
    client_id="sandbox-client",
    client_secret="sandbox-secret",
    store=store,
    user_agent="demo-python",
)
oauth1 = evergrant.Client(
    provider={
        "protocol": "oauth1",
        "temporary_credential_endpoint": f"{provider}/oauth1/request_token",
        "authorization_endpoint": f"{provider}/oauth1/authorize",
        "token_endpoint": f"{provider}/oauth1/access_token",
    },
    client_id="sandbox-consumer",
    client_secret="sandbox-consumer-secret",
    store=store,
)

with oauth2, oauth1:
    users = [oauth2.grant("alice"), oauth1.grant("bob")]
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for user in users:
            response = user.get(f"{provider}/api/me", headers={"X-Program": "python"})
            if response.status != 200:
                sys.exit(f"{response.url}: status {response.status}")
        time.sleep(0.05)
