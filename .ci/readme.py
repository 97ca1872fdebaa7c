#!/usr/bin/env python3
"""Follows README.md word for word, in a fresh clone, and compares what it shows with what happens.

A block `sh` is run as it stands, in the folder that the block before left. With `terminal=service`
its last command is a service: it stays up until the next such block. A block `rust file=PATH` is
written to PATH. A block `text` shows what the `sh` block before it prints: each of its lines must
be there, in that order; `…` stands for anything. `exit=N` is the exit code that a block ends with.
A block `rust tests=PATH` is added to PATH. A block `rust inside=PATH` must compile as the body of a
function in PATH that has a `connection`.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

BLOCK = re.compile(r"^```(\S+)([^\n]*)\n(.*?)^```$", re.M | re.S)
SERVICE_UP = "Ctrl-C"
PATIENCE_SECONDS = 900


def blocks(page):
    for language, options, text in BLOCK.findall(page):
        yield language, dict(option.split("=", 1) for option in options.split()), text


class Service:
    """A service in the background, and what it has printed so far."""

    def __init__(self, script, folder, output):
        self.output = output
        self.process = subprocess.Popen(
            ["bash", "-e", "-c", script],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=open(output, "w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until = time.monotonic() + PATIENCE_SECONDS
        while SERVICE_UP not in self.printed():
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit(f"the service did not start:\n{self.printed()}")
            time.sleep(0.1)

    def printed(self):
        with open(self.output) as file:
            return file.read()

    def stop(self):
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)


def compare(shown, printed):
    position = 0
    for line in filter(None, (line.strip() for line in shown.splitlines())):
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        found = re.compile(pattern).search(printed, position)
        if not found:
            sys.exit(f"README.md shows\n\n{line}\n\nand this was printed:\n\n{printed}")
        position = found.end()


def compiles(body, path):
    with open(path) as file:
        program = file.read()
    with open(path, "a") as file:
        file.write(f"pub async fn shown(connection: micro::Connection) {{\n{body}\n}}\n")
    result = subprocess.run(
        ["cargo", "check", "--quiet"], cwd=os.path.dirname(path), capture_output=True, text=True
    )
    with open(path, "w") as file:
        file.write(program)
    if result.returncode or result.stderr:
        sys.exit(f"{body}\ndoes not compile:\n{result.stderr}")


def main():
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with tempfile.TemporaryDirectory() as home:
        folder = os.path.join(home, "micro")
        subprocess.run(["git", "clone", "--quiet", source, folder], check=True)
        with open(os.path.join(folder, "README.md")) as file:
            page = file.read()
        service, printed, ran = None, "", 0
        try:
            for language, options, text in blocks(page):
                if language == "rust" and "file" in options:
                    with open(os.path.join(folder, options["file"]), "w") as file:
                        file.write(text)
                elif language == "rust" and "tests" in options:
                    with open(os.path.join(folder, options["tests"]), "a") as file:
                        file.write(f"\n{text}")
                elif language == "rust" and "inside" in options:
                    compiles(text, os.path.join(folder, options["inside"]))
                elif language == "sh" and options.get("terminal") == "service":
                    if service:
                        service.stop()
                    service = Service(text, folder, os.path.join(home, "service"))
                    printed = service.printed()
                    ran += 1
                elif language == "sh":
                    result = subprocess.run(
                        ["bash", "-e", "-c", f"{text}\necho; echo \"at $PWD\""],
                        cwd=folder,
                        stdin=subprocess.DEVNULL,
                        capture_output=True,
                        text=True,
                        timeout=PATIENCE_SECONDS,
                    )
                    printed = result.stdout + result.stderr
                    if result.returncode != int(options.get("exit", 0)):
                        sys.exit(f"{text}\nended with {result.returncode}:\n{printed}")
                    place = re.findall(r"^at (.+)$", result.stdout, re.M)
                    folder = place[-1] if place else folder
                    ran += 1
                elif language == "text":
                    compare(text, printed)
                print(f"$ {text.strip()}" if language == "sh" else text.strip(), flush=True)
                if language == "sh":
                    print(printed, flush=True)
        finally:
            if service:
                service.stop()
    print(f"README.md: {ran} commands did what it says")


main()
