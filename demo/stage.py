"""What `make demo` and `make kill-test` share: the programs, the sandbox provider, and two users who consent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parent.parent
PLACE = TREE / "target/demo"
EVERGRANT = TREE / "target/debug/evergrant"
PYTHON = TREE / "target/venv/bin/python"
PREFIX = PLACE / "local"
PKG_CONFIG = {"PKG_CONFIG_PATH": f"{PREFIX}/lib/pkgconfig"}
PHP_MODULE = PLACE / "php/modules/evergrant.so"

LANGUAGES = {
    "rust": [TREE / "target/debug/evergrant-demo"],
    "python": [PYTHON, TREE / "demo/demo.py"],
    "node": ["node", TREE / "demo/demo.mjs"],
    "php": ["php", "-d", f"extension={PHP_MODULE}", TREE / "demo/demo.php"],
    "c": [PLACE / "demo"],
}
"""How the program of each language is run; PROVIDER STORE SECONDS follow."""

USERS = {"alice": "oauth2", "bob": "oauth1"}
"""The users, and the client (in the configuration of the command line) that acts for each."""

ACCESS_TOKEN_LIFETIME = 3
"""In seconds."""

CONFIG = """\
[clients.oauth2]
provider      = "{provider}"
client_id     = "sandbox-client"
client_secret = "sandbox-secret"
store         = "{store}"

[clients.oauth1]
client_id     = "sandbox-consumer"
client_secret = "sandbox-consumer-secret"
store         = "{store}"

[clients.oauth1.provider]
protocol                      = "oauth1"
temporary_credential_endpoint = "{provider}/oauth1/request_token"
authorization_endpoint        = "{provider}/oauth1/authorize"
token_endpoint                = "{provider}/oauth1/access_token"
"""


class Failed(Exception):
    """The demo could not be run to its end."""


def say(text: str) -> None:
    print(text, flush=True)


# --- Building ----------------------------------------------------------------------------------------------------


def build(languages: list[str]) -> None:
    """Builds what the programs of these languages need."""
    PLACE.mkdir(parents=True, exist_ok=True)
    (PLACE / "build.log").unlink(missing_ok=True)
    say("demo: building the command line, the sandbox and the Rust program (some minutes the first time)")
    run("cargo", "build", "-p", "evergrant-cli", "-p", "evergrant-demo")
    for language, steps in {"python": build_python, "node": build_node, "c": build_c, "php": build_php}.items():
        if language in languages:
            say(f"demo: building {language}")
            steps()


def build_python() -> None:
    run("scripts/helper", "bindings-python/python/evergrant/bin")
    run(PYTHON.parent / "maturin", "develop", "--quiet", "--manifest-path", "bindings-python/Cargo.toml",
        VIRTUAL_ENV=str(TREE / "target/venv"))


def build_node() -> None:
    run("node", "bindings-node/build.mjs")
    package = TREE / "demo/node_modules/evergrant"
    package.parent.mkdir(exist_ok=True)
    if not package.is_symlink():
        package.symlink_to("../../bindings-node")


def build_c() -> None:
    install_c_library()
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "evergrant"], text=True, check=True,
                           capture_output=True, env=os.environ | PKG_CONFIG).stdout
    run("cc", "-std=gnu11", "-O2", "-Wall", "demo/demo.c", "-o", PLACE / "demo", *flags.split(),
        f"-Wl,-rpath,{PREFIX}/lib")


def build_php() -> None:
    """In a folder of its own: phpize fills the one it works in."""
    install_c_library()
    folder = PLACE / "php"
    folder.mkdir(exist_ok=True)
    source = TREE / "bindings-php"
    for file in [source / "config.m4", *source.glob("*.[ch]")]:
        shutil.copy2(file, folder)
    makefile = folder / "Makefile"
    if not makefile.exists() or makefile.stat().st_mtime < (source / "config.m4").stat().st_mtime:
        run("phpize", folder=folder)
        run("./configure", "--quiet", "--with-evergrant", folder=folder, **PKG_CONFIG)
    run("make", "--silent", folder=folder)


def install_c_library() -> None:
    run("make", "--silent", "-C", "bindings-c", "install", f"PREFIX={PREFIX}", "PROFILE=dev")


def run(*command: object, folder: Path = TREE, **environment: str) -> None:
    """Runs a step of the build: seen on a terminal, else into a log that is shown when it fails."""
    words = [str(word) for word in command]
    variables = os.environ | {"CARGO_TARGET_DIR": str(TREE / "target")} | environment
    log = PLACE / "build.log"
    shown = sys.stderr.isatty()
    with log.open("a") as file:
        output = None if shown else file
        status = subprocess.run(words, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output).returncode
    if status != 0:
        raise Failed(f"{' '.join(words)} failed" + ("" if shown else f":\n{log.read_text()[-4000:]}"))


# --- Running -----------------------------------------------------------------------------------------------------


class Stage:
    """A sandbox provider with short-lived tokens, and an empty store. Ends the sandbox and the programs at exit."""

    def __init__(self) -> None:
        database = PLACE / "tokens.db"
        for leftover in PLACE.glob("tokens.db*"):
            leftover.unlink()
        self.store = f"sqlite:{database}"
        self.programs: list[subprocess.Popen[str]] = []
        self._sandbox = subprocess.Popen(
            [EVERGRANT, "sandbox", "--port", "0", "--json", "--access-token-lifetime", str(ACCESS_TOKEN_LIFETIME)],
            stdout=subprocess.PIPE, text=True)
        assert self._sandbox.stdout is not None
        line = self._sandbox.stdout.readline()
        if not line:
            raise Failed("the sandbox did not start")
        self.provider: str = json.loads(line)["base_url"]
        self.config = PLACE / "config.toml"
        self.config.write_text(CONFIG.format(provider=self.provider, store=self.store))

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.programs, self._sandbox]:
            if process.poll() is None:
                process.kill()
            process.wait()

    def evergrant(self, *words: str, **environment: str) -> Any:
        """Runs the command line and gives its JSON."""
        command = [EVERGRANT, *words, "--json", "--config", self.config]
        done = subprocess.run(command, text=True, capture_output=True, env=os.environ | environment, timeout=60)
        if done.returncode != 0:
            raise Failed(f"evergrant {' '.join(words)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def consent(self, user: str) -> None:
        """The user logs in, with a script for a browser."""
        browser = f"'{PYTHON}' '{TREE / 'demo/consent.py'}'"
        self.evergrant("login", USERS[user], user, "--wait", "30", EVERGRANT_BROWSER=browser, DEMO_USER=user)

    def grant(self, user: str) -> Any:
        """What the store has of the user's grant."""
        return self.evergrant("show", USERS[user], user)

    def ask(self, what: str, body: object = None) -> Any:
        """Asks the sandbox: `report`, `journal`, `grants`; or tells it, with a body."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.provider}/sandbox/{what}", data, timeout=10) as answer:
            return json.load(answer)

    def start(self, language: str, seconds: float) -> subprocess.Popen[str]:
        """Starts the program of a language. What it says on standard error is kept."""
        command = [*LANGUAGES[language], self.provider, self.store, str(seconds)]
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True)
        self.programs.append(program)
        return program
