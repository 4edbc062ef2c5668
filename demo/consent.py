"""The user of the demo, who says yes to everything: opens an authorization URL as a browser would.

    python consent.py URL          who consents is in DEMO_USER
"""

import json
import os
import sys
import urllib.request
from urllib.parse import urlsplit

url = sys.argv[1]
provider = "{0.scheme}://{0.netloc}".format(urlsplit(url))
decision = {"url": url, "user": os.environ["DEMO_USER"], "decision": "allow"}
with urllib.request.urlopen(f"{provider}/sandbox/consent", json.dumps(decision).encode(), timeout=10) as answer:
    callback = json.load(answer)["redirect"]
urllib.request.urlopen(callback, timeout=10).close()
