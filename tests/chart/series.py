"""Series of a network in which everything occurs that a dashboard shows: of each metric of docs/metrics.md and
docs/operator.md, over some hours. A text in OpenMetrics, from which promtool makes a database."""

OUTCOMES = ("answered", "timed-out", "closed")
LANES = ("liveness", "deep", "discovery", "watch")
CONDITIONS = ("Working", "RedisAway", "RedisFull", "Backlog", "QuietHours", "Abstaining", "Draining")
# Height behind the others, score, country, latitude and longitude, software, group.
SERVERS = {"a.example": (0, 0, "CH", ("47.4", "8.5"), "ElectrumX", ""), "b.example": (0, 15, "DE", ("50.1", "8.7"), "Fulcrum", "g1"),
           "c.example": (8, 45, "DE", ("50.1", "8.7"), "Fulcrum", "g1"), "d.example": (0, 90, "US", ("", ""), "electrs", "g1")}
STEP = 60


def gauges(end):
    """Gauges, by name and labels, with what they are."""
    scanner = {"network": "mainnet", "vantage": "here", "campaign": "main", "pod": "main-here-1"}
    for number, (server, (behind, score, country, (latitude, longitude), software, group)) in enumerate(SERVERS.items()):
        one = {"campaign": "observatory/main", "network": "mainnet", "server": server}
        yield "electrum_tip_height", scanner | {"server": server}, 900_000 - behind
        yield "electrum_certificate_not_after_seconds", scanner | {"server": server}, end + 86_400 * (number + 2)
        yield "electrum_server_up", one, int(number != 2)
        yield "electrum_server_suspicion_score", one, score
        level = ("clear", "notable", "suspicious", "dishonest")[number]
        place = {"country": country, "latitude": latitude, "longitude": longitude}
        yield "electrum_server_info", one | place | {"software": software, "level": level, "group": group}, 1
    of_main = {"campaign": "observatory/main", "network": "mainnet"}
    yield "electrum_group_servers", of_main | {"group": "g1"}, 3
    yield "electrum_servers_untold", of_main, 0
    for lane in LANES:
        yield "electrum_schedule_lag_seconds", scanner | {"lane": lane}, 12.5
        yield "electrum_schedule_due", scanner | {"lane": lane}, 3
    for condition in CONDITIONS:
        yield "electrum_worker_condition", scanner | {"condition": condition}, int(condition == "Working")
    yield "electrum_claims_held", scanner, 9
    yield "electrum_servers_known", scanner, 4
    yield "electrum_series", scanner, 336
    operator = {"job": "observatory-operator", "instance": "10.0.0.1:8080"}
    yield "operator_leader", operator, 1
    yield "operator_reconciles_running", operator | {"controller": "campaign"}, 1
    yield "operator_malformed_resources", operator | {"kind": "ScanCampaign"}, 0
    yield "operator_visits_waiting", operator | {"campaign": "observatory/main"}, 12
    yield "operator_ingest_lag_seconds", operator | {"campaign": "observatory/main"}, 1.5
    yield "process_resident_memory_bytes", operator, 30_000_000
    yield "process_open_fds", operator, 20


def counters():
    """Counters, by name and labels, with how much they rise in a step."""
    scanner = {"network": "mainnet", "vantage": "here", "campaign": "main", "pod": "main-here-1"}
    for server in SERVERS:
        for outcome in OUTCOMES:
            for lane in LANES[:3]:
                yield "electrum_visits_total", scanner | {"server": server, "lane": lane, "outcome": outcome}, 1
        for phase in ("dns", "connect", "tls", "first_byte", "total"):
            for bound, rise in (("0.05", 1), ("1", 3), ("+Inf", 4)):
                labels = scanner | {"server": server, "phase": phase, "le": bound}
                yield "electrum_visit_duration_seconds_bucket", labels, rise
    for lane in LANES:
        yield "electrum_claims_total", scanner | {"lane": lane}, 1
    for kind in ("away", "full", "backlog", "refused", "spoilt"):
        yield "electrum_redis_errors_total", scanner | {"class": kind}, 1
    for direction in ("read", "written"):
        yield "electrum_traffic_bytes_total", scanner | {"direction": direction}, 1000
    for name in ("electrum_stale_total", "electrum_visits_unreported_total", "electrum_visits_skipped_total",
                 "electrum_cost_spent_total", "electrum_servers_folded_total"):
        yield name, scanner, 1
    yield "electrum_listings_refused_total", scanner | {"reason": "too-many"}, 1
    yield "electrum_canary_visits_total", scanner | {"outcome": "answered"}, 1
    operator = {"job": "observatory-operator", "instance": "10.0.0.1:8080"}
    yield "operator_reconciles_total", operator | {"controller": "campaign", "outcome": "ok"}, 1
    yield "operator_errors_total", operator | {"controller": "campaign", "class": "refused"}, 1
    yield "operator_ingested_visits_total", operator | {"campaign": "observatory/main"}, 1
    yield "operator_writes_total", operator | {"verb": "apply"}, 1
    yield "operator_watch_errors_total", operator | {"watch": "servers"}, 1
    for bound in ("0.1", "+Inf"):
        yield "operator_reconcile_seconds_bucket", operator | {"controller": "campaign", "le": bound}, 1
    yield "process_cpu_seconds_total", operator, 1


def names():
    """The name of each metric."""
    return {name for name, _, _ in [*gauges(0), *counters()]}


def openmetrics(end, minutes):
    """All of it, until a time (Unix, in seconds)."""
    def line(name, labels, value, time):
        said = ",".join(f'{key}="{text}"' for key, text in labels.items())
        return f"{name}{{{said}}} {value} {time}"

    times = [end - STEP * number for number in reversed(range(minutes))]
    lines = [line(name, labels, value, time) for name, labels, value in gauges(end) for time in times]
    lines += [line(name, labels, rise * number, time) for name, labels, rise in counters()
              for number, time in enumerate(times)]
    return "\n".join([*lines, "# EOF", ""])


# What is put to a series by whoever scrapes it. The operator says itself of which campaign it speaks.
SCRAPED = {"campaign", "pod", "job", "instance"}
OF_OPERATOR = ("operator_", "electrum_server_", "electrum_group_", "electrum_servers_untold")


def labels():
    """The labels that programs give to each metric."""
    def given(name, labels):
        return set(labels) - (SCRAPED - {"campaign"} if name.startswith(OF_OPERATOR) else SCRAPED)

    return {name: given(name, labels) for name, labels, _ in [*gauges(0), *counters()]}
