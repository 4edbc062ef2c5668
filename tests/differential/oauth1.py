"""Signs random OAuth 1.0a requests with Evergrant, with oauthlib and with liboauth, and compares base strings and signatures.

    target/venv/bin/python tests/differential/oauth1.py [--requests N] [--seed N]

oauthlib does every method, liboauth HMAC-SHA1. A difference that has no name in ``EXPLAINED`` is a failure, and so is a name
that explains nothing any more in a run of 100,000 requests. The seed is printed; the same seed gives the same requests.
"""

import argparse
import ctypes
import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus, unquote_to_bytes, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from oauthlib.oauth1 import Client
from oauthlib.oauth1.rfc5849 import signature as oauthlib_signature

ROOT = Path(__file__).resolve().parents[2]
HMAC = ["HMAC-SHA1", "HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"]
# oauthlib parses the key for each signature, which takes it 30 ms.
RSA = ["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"]
RSA_SHARE = 0.02
LONG_RUN = 100_000


# --- Random requests ---------------------------------------------------------------------------------------------------

PIECES = [*"aZ09-._~ +%&?/#:;@!$'()*,[]{}|\\^`<>\"\t\n", "é", "ß", "☃", "漢", "😀", "%25", "%zz", "oauth", "a", "a", "b"]
# What not everybody agrees on goes into some requests only, so that most are compared to the end.
WILD_SHARE = 0.3


class Requests:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def next(self) -> dict:
        choice = self._random.choice
        self._wild = self._random.random() < WILD_SHARE
        method = choice(RSA) if self._random.random() < RSA_SHARE else choice(HMAC)
        options = {
            "client_id": self._text(1),
            "client_secret": self._text(),
            "signature_method": method,
            "nonce": self._text(1),
            "timestamp": self._random.randrange(2**33),
            "parameters": self._protocol_parameters(),
            "without_version": choice([True, False]),
        }
        if method in RSA:
            options["private_key"] = self._key
        if choice([True, True, False]):
            options |= {"token": self._text(), "token_secret": self._text()}
        if choice([True, False]):
            options["form"] = self._pairs()
        http_method = choice(["GET", "POST", "PUT", "DELETE", "PATCH", "get", "Post"])
        scheme = "https" if method == "PLAINTEXT" else choice(["http", "https"])
        if self._wild:
            scheme = choice([scheme, scheme.upper()])
        return {"method": http_method, "url": self._url(scheme), "options": options}

    def _text(self, shortest: int = 0) -> str:
        pieces = [*PIECES, "="] if self._wild else PIECES
        text = "".join(self._random.choices(pieces, k=self._random.randint(shortest, 12)))
        # Names that begin so are the protocol's (RFC 5849 section 3.1): Evergrant refuses them twice, oauthlib decodes their values.
        return re.sub("^(oauth_+)+", "oauth", text)

    def _pairs(self) -> list[tuple[str, str]]:
        pairs = [(self._text(1), self._text()) for _ in range(self._random.randint(0, 6))]
        return pairs + self._random.choices(pairs, k=1) if pairs and self._random.random() < 0.3 else pairs

    def _protocol_parameters(self) -> list[tuple[str, str]]:
        known = ["oauth_callback", "oauth_verifier", "xoauth_requestor_id"]
        return [(name, self._text()) for name in known if self._random.random() < 0.2]

    def _url(self, scheme: str) -> str:
        choice = self._random.choice
        host = choice(["example.com", "127.0.0.1", "[::1]", "xn--bcher-kva.example", "a-b.example"])
        port = choice(["", "", "", ":80" if scheme == "http" else ":443", ":8080"])
        if self._wild:
            host, port = choice([host, "API.Example.Co.UK"]), choice([port, ":80", ":443"])
        safe = "~!$&'()*+,;=:@" if self._wild else "~!$'()*,=:@"
        segments = [quote(self._text(1), safe=safe).replace(".", "%2E") for _ in range(self._random.randint(0, 4))]
        if self._wild and choice([True, False]):
            segments.append(choice([".", "..", "%2e%2E", "x.y"]))
        path = "/" + "/".join(segments) if segments else choice(["", "/"])
        return f"{scheme}://{host}{port}{path}{self._query()}"

    def _query(self) -> str:
        pairs = [f"{self._query_part(1)}={self._query_part()}" for _ in range(self._random.randint(0, 5))]
        if self._random.random() < 0.2:
            pairs.append(self._random.choice([self._query_part(1), "", "flag", "a=", "a-b=1", "a=1"]))
        self._random.shuffle(pairs)
        return "?" + "&".join(pairs) if pairs else self._random.choice(["", "", "?"])

    def _query_part(self, shortest: int = 0) -> str:
        encode = self._random.choice([quote, quote_plus])
        encoded = encode(self._text(shortest), safe="/?:@!$*,;" if self._wild else "")
        lower = self._random.random() < 0.3
        return re.sub("%..", lambda escape: escape[0].lower(), encoded) if lower else encoded


# --- The others --------------------------------------------------------------------------------------------------------


class Oauthlib:
    name, methods = "oauthlib", {*HMAC, *RSA}

    def sign(self, request: dict, protocol: list[tuple[str, str]]) -> tuple[str, str]:
        options, url = request["options"], urlsplit(request["url"])
        parameters = oauthlib_signature.collect_parameters(url.query, body=options.get("form", []))
        normalized = oauthlib_signature.normalize_parameters(parameters + protocol)
        base_string = oauthlib_signature.signature_base_string(
            request["method"], oauthlib_signature.base_string_uri(request["url"]), normalized
        )
        client = Client(
            options["client_id"],
            client_secret=options["client_secret"],
            resource_owner_secret=options.get("token_secret"),
            rsa_key=options.get("private_key"),
        )
        return base_string, Client.SIGNATURE_METHODS[options["signature_method"]](base_string, client)


class Liboauth:
    name, methods = "liboauth", {"HMAC-SHA1"}

    def __init__(self) -> None:
        self._oauth, self._c = ctypes.CDLL("liboauth.so.0"), ctypes.CDLL(None)
        for function in (self._oauth.oauth_serialize_url_parameters, self._oauth.oauth_catenc, self._oauth.oauth_sign_hmac_sha1):
            function.restype = ctypes.c_void_p

    def sign(self, request: dict, protocol: list[tuple[str, str]]) -> tuple[str, str]:
        options = request["options"]
        added = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in protocol + options.get("form", [])]
        url = request["url"] + ("&" if "?" in request["url"] else "?") + "&".join(added)
        # The steps of oauth_sign_array2_process(), which keeps the base string to itself.
        array = ctypes.POINTER(ctypes.c_char_p)()
        count = self._oauth.oauth_split_url_parameters(url.encode(), ctypes.byref(array))
        behind_url = ctypes.cast(array, ctypes.c_void_p).value + ctypes.sizeof(ctypes.c_char_p)
        size = ctypes.c_size_t(ctypes.sizeof(ctypes.c_char_p))
        self._c.qsort(ctypes.c_void_p(behind_url), ctypes.c_size_t(count - 1), size, self._oauth.oauth_cmpstringp)
        parameters = self._take(self._oauth.oauth_serialize_url_parameters(count, array))
        base_string = self._take(self._oauth.oauth_catenc(3, request["method"].upper().encode(), array[0], parameters))
        self._oauth.oauth_free_array(ctypes.byref(ctypes.c_int(count)), ctypes.byref(array))
        secrets = [options["client_secret"].encode(), options.get("token_secret", "").encode()]
        key = self._take(self._oauth.oauth_catenc(2, *secrets))
        return base_string.decode(), self._take(self._oauth.oauth_sign_hmac_sha1(base_string, key)).decode()

    def _take(self, text: int) -> bytes:
        value = ctypes.string_at(text)
        self._c.free(ctypes.c_void_p(text))
        return value


# --- Differences that are known ----------------------------------------------------------------------------------------


def names(request: dict) -> list[str]:
    query = [part.partition("=")[0] for part in urlsplit(request["url"]).query.split("&")]
    form = [name for name, _ in request["options"].get("form", [])]
    return [unquote_plus(name) for name in query] + form


def has_dot_segment(request: dict) -> bool:
    return any(unquote_to_bytes(part) in (b".", b"..") for part in urlsplit(request["url"]).path.split("/"))


def one_name_begins_another(request: dict) -> bool:
    encoded = [quote(name, safe="~") for name in names(request)]
    return any(longer != name and longer.startswith(name) for name in encoded for longer in encoded)


def path(request: dict) -> str:
    return urlsplit(request["url"]).path


# Whose fault, by name, and of which requests it can come.
EXPLAINED = {
    "oauthlib": {
        "leaves out what stands behind a ; in the last segment of the path": lambda request: ";" in path(request),
        "signs dot segments, which a client resolves before it sends (RFC 3986 section 6.2.2.3)": has_dot_segment,
    },
    "liboauth": {
        "signs dot segments, which a client resolves before it sends (RFC 3986 section 6.2.2.3)": has_dot_segment,
        "decodes a name with its value, so that an encoded = in a name ends it": lambda request: any(
            "=" in name for name in names(request)
        ),
        "takes a ? within the query for a separator": lambda request: "?" in urlsplit(request["url"]).query,
        "sorts name and value as one text, in which = stands behind - . % and digits": one_name_begins_another,
        "keeps host names and schemes in upper case": lambda request: request["url"].split("/")[2].lower()
        != request["url"].split("/")[2]
        or request["url"].startswith("HTTP"),
        "takes a + in the path for a space, and an & there for a separator": lambda request: set("+&") & set(path(request)),
        "does not encode a name that comes without =": lambda request: any(
            part and "=" not in part for part in urlsplit(request["url"]).query.split("&")
        ),
        "keeps port 443 of https": lambda request: re.match(r"https://[^/]*:443(/|\?|$)", request["url"], re.I),
        "drops port 80 of https and 443 of http": lambda request: re.match(
            r"(http://[^/]*:443|https://[^/]*:80)(/|\?|$)", request["url"], re.I
        ),
    },
}


# --- The comparison ----------------------------------------------------------------------------------------------------


def evergrant() -> subprocess.Popen:
    build = ["cargo", "build", "--quiet", "-p", "evergrant", "--example", "sign_lines"]
    subprocess.run(build, cwd=ROOT, check=True)
    program = ROOT / "target/debug/examples/sign_lines"
    return subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen, request: dict) -> dict:
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def parts(authorization: str) -> tuple[list[tuple[str, str]], str]:
    """The protocol parameters of a header, and its signature."""
    pairs = [part.split("=", 1) for part in authorization.removeprefix("OAuth ").split(", ")]
    decoded = [(name, unquote_to_bytes(value.strip('"')).decode()) for name, value in pairs]
    return [pair for pair in decoded if pair[0] != "oauth_signature"], decoded[-1][1]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--requests", type=int, default=LONG_RUN)
    arguments.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = arguments.parse_args()
    print(f"{options.requests} requests of seed {options.seed}")

    requests, process = Requests(options.seed), evergrant()
    compared, explained, failures = Counter(), Counter(), []
    for number in range(options.requests):
        request = requests.next()
        ours = answer(process, request)
        if "base_string" not in ours:
            failures.append(f"request {number}: Evergrant: {ours}\n  {request}")
            continue
        protocol, signature = parts(ours["authorization"])
        for other in OTHERS:
            method = request["options"]["signature_method"]
            if method not in other.methods:
                continue
            compared[f"{other.name} {method}"] += 1
            theirs = other.sign(request, protocol)
            if theirs == (ours["base_string"], signature):
                continue
            reasons = [name for name, explains in EXPLAINED[other.name].items() if explains(request)]
            explained.update(f"{other.name} {reason}" for reason in reasons[:1])
            if not reasons:
                failures.append(
                    f"request {number}: {other.name} differs\n  {request}\n  theirs {theirs}\n  ours   "
                    f"{(ours['base_string'], signature)}"
                )
    process.stdin.close()
    process.wait()
    if options.requests >= LONG_RUN:
        known = [f"{other} {reason}" for other, reasons in EXPLAINED.items() for reason in reasons]
        failures += [f"explains nothing: {reason}" for reason in known if not explained[reason]]

    for title, counter in ("compared", compared), ("different, explained", explained):
        print(f"{title}:", *(f"\n  {count:7} {name}" for name, count in sorted(counter.items())))
    print(*failures[:20], sep="\n")
    print(f"{sum(compared.values())} compared, {sum(explained.values())} explained, {len(failures)} failed")
    sys.exit(bool(failures))


OTHERS = [Oauthlib(), Liboauth()]

if __name__ == "__main__":
    main()
