"""A Redis that runs as the chart's does: with its configuration, its users and its password."""

import subprocess
import time

from conftest import free_port, one, render


class Redis:
    """A Redis that runs, and those who ask it."""

    def __init__(self, place, arguments):
        objects = render(*arguments)
        secret = one(objects, "Secret", "-redis")["stringData"]
        self.place, self.port, self.password = place, free_port(), secret["password"]
        text = one(objects, "ConfigMap", "-redis")["data"]["redis.conf"]
        # What is mounted in a pod is a directory here.
        for path in ("/etc/observatory/redis", "/etc/observatory/tls", "/data"):
            text = text.replace(path, str(place))
        self.tls = "tls-port" in text
        text = text.replace("port 6379", f"port {self.port}").replace("bind * -::*", "bind 127.0.0.1")
        for name, content in {"redis.conf": text, **secret}.items():
            (place / name).write_text(content)
        self.start()

    def start(self):
        """Starts it, and waits until it answers."""
        self.process = subprocess.Popen(["redis-server", self.place / "redis.conf"], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while self.said("ping") != "PONG":
            assert self.process.poll() is None and time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.05)

    def stop(self):
        """Ends it, as the cluster does."""
        self.process.terminate()
        self.process.wait(timeout=30)

    def said(self, *command, user="observatory", password=None):
        """What it answers to a user."""
        who = ["--user", user, "--pass", password or self.password, "--no-auth-warning"] if user else []
        tls = ["--tls", "--cacert", self.place / "ca.crt"] if self.tls else []
        done = subprocess.run(["redis-cli", "-p", str(self.port), *tls, *who, *command], capture_output=True, text=True, check=False)
        return done.stdout.strip()
