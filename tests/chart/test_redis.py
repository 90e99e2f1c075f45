"""The chart's Redis: a real one, started with the configuration and the users that the chart makes."""

import pytest
from conftest import run
from redis import Redis


@pytest.fixture
def start(tmp_path):
    """Starts Redis with values of the chart; it ends with the test."""
    running = []

    def begin(*arguments):
        running.append(Redis(tmp_path, arguments))
        return running[0]

    yield begin
    for each in running:
        each.stop()


def test_one_user_may_use_its_keys_and_nobody_else_may_anything(start):
    redis = start()
    assert redis.said("ping", user=None) == "NOAUTH Authentication required."
    assert "NOAUTH" in redis.said("ping", password="guess")
    assert redis.said("set", "eo:{a/b}:token", "1") == "OK"
    assert "NOPERM" in redis.said("get", "other")
    assert redis.said("eval", "redis.call('set', KEYS[1], '1') return redis.call('time')[1]", "1", "eo:{a}:x").isdigit()
    for command in (["config", "get", "*"], ["flushall"], ["keys", "*"], ["acl", "list"], ["shutdown"], ["publish", "a", "b"]):
        assert "NOPERM" in redis.said(*command), command


def test_it_never_evicts_and_remembers(start):
    redis = start("--set", "redis.maxMemory=2mb")
    info = redis.said("info")
    assert "maxmemory_policy:noeviction" in info and "aof_enabled:1" in info
    assert redis.said("set", "eo:{a}:kept", "yes") == "OK"
    # A script that began to write may go on; the next may not begin.
    redis.said("eval", "for i = 1, 4000 do redis.call('set', 'eo:{a}:' .. i, string.rep('x', 1000)) end", "1", "eo:{a}:1")
    assert "OOM" in redis.said("set", "eo:{a}:more", "no")
    redis.stop()
    redis.start()
    assert redis.said("get", "eo:{a}:kept") == "yes"


def test_with_certificates_it_speaks_nothing_but_tls(start, tmp_path):
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "tls.key", "-out", tmp_path / "tls.crt")
    (tmp_path / "ca.crt").write_text((tmp_path / "tls.crt").read_text())
    redis = start("--set", "redis.tls.secret=redis-tls")
    assert redis.said("set", "eo:{a}:x", "1") == "OK"
    redis.tls = False
    assert redis.said("ping") != "PONG"
