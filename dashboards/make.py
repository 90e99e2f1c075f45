#!/usr/bin/env python3
"""Makes the dashboards (`make dashboards`): what each panel asks, and what that means. How it looks is in panels.py.

Names of metrics are in docs/metrics.md (scanners) and docs/operator.md (operator). Gauges that several scanners tell of are
the greatest of them; counters add up.
"""

import json
import pathlib
import sys

from panels import (
    GREEN, LEVELS, ORANGE, RED, YELLOW, bars, dashboard, row, series, stat, switch, table, variable, world,
)

NETWORK = variable("network", "Network", "label_values(electrum_servers_known, network)")
VANTAGE = variable("vantage", "Vantage", 'label_values(electrum_servers_known{network=~"$network"}, vantage)')
SERVER = variable("server", "Server", 'label_values(electrum_visits_total{network=~"$network"}, server)', many=False)

NET = 'network=~"$network"'
FROM = f'{NET}, vantage=~"$vantage"'
ONE = f'{NET}, server="$server"'
RATE = "$__rate_interval"

DETAIL = {"title": "This server", "url": "/d/electrum-server?var-server=${__data.fields.Server}&${network:queryparam}"}
REPORT = {"title": "The report", "url": "${report}", "targetBlank": True}
PERCENT = [(None, RED), (0.8, YELLOW), (0.95, GREEN)]

# Height of the chain, as most servers tell it: a single liar does not move the middle.
TIP = f"quantile by (network) (0.5, max by (network, server) (electrum_tip_height{{{NET}}}))"
BEHIND = f"{TIP} - on (network) group_right () max by (network, server) (electrum_tip_height{{{NET}}})"
SCORES = f"max by (campaign, network, server) (electrum_server_suspicion_score{{{NET}}})"
UP = f"max by (campaign, network, server) (electrum_server_up{{{NET}}})"
INFO = f"electrum_server_info{{{NET}}}"
LOCATED = f'electrum_server_info{{{NET}, country!=""}}'
LEVEL = [("clear", "< 10", "nothing, or only what most servers show"), ("notable", ">= 10 < 30", "soft indicators only"),
         ("suspicious", ">= 30 < 80", "a medium indicator, or a large undeclared group"),
         ("dishonest", ">= 80", "the protocol is falsified, by the bytes or against a quorum")]


def network():
    """Who is there."""
    return dashboard("network", "Network", "The public Electrum servers of a network: who answers, with what, from where.", [NETWORK], [
        stat("Servers known", "Servers on the schedule: found and not excluded.",
             f"max by (network) (electrum_servers_known{{{NET}}})"),
        stat("Reachable", "Servers that answer, by the verdict of the vantages together.", f"count({UP} == 1) or vector(0)"),
        stat("Share reachable", "Reachable servers among those with a verdict.",
             f"count({UP} == 1) / count({UP})", "percentunit", [(None, RED), (0.3, YELLOW), (0.5, GREEN)]),
        stat("Suspicious or dishonest", "Servers with a score of 30 or more.", f"count({SCORES} >= 30) or vector(0)",
             steps=[(None, GREEN), (1, ORANGE)]),
        stat("Groups", "Groups of servers that the evidence links.",
             f"count(max by (campaign, network, group) (electrum_group_servers{{{NET}}})) or vector(0)"),
        stat("Height", "The latest block, as half of the servers have it.", f"max({TIP})", "none"),
        series("Servers by verdict", "How many servers are reachable, and how many are not, over time.",
               [(f"count({UP} == 1)", "reachable"), (f"count({UP} == 0)", "unreachable")], stacked=True),
        series("Visits by outcome", "How visits end, a second. Outcomes are listed in the README.",
               [(f"sum by (outcome) (rate(electrum_visits_total{{{NET}}}[{RATE}]))", "{{outcome}}")], "cps", stacked=True),
        world("Where they are", "Servers where their addresses are, as the database has it: to a tenth of a degree, or in the middle of "
              "their country where no more is known.",
              f'count by (latitude, longitude) (electrum_server_info{{{NET}, latitude!=""}})',
              f'count by (country) (electrum_server_info{{{NET}, country!="", latitude=""}})'),
        bars("Countries", "The fifteen countries with the most servers.",
             f"topk(15, count by (country) ({LOCATED}))", "{{country}}", width=6),
        bars("Software", "What servers speak like, by the grammar of their answers, not by what they claim.",
               f"count by (software) ({INFO})", "{{software}}", width=6),
        row("The chain"),
        series("Blocks behind", "How many servers are so many blocks behind the middle. One or two are on their way; more have "
               "stopped, or are on another chain.",
               [(f"count(({BEHIND}) > 0)", "1 or more"), (f"count(({BEHIND}) > 2)", "3 or more"),
                (f"count(({BEHIND}) > 6)", "7 or more")]),
        table("Furthest behind", "Servers whose tip is more than two blocks behind the middle.", f"topk(20, ({BEHIND}) > 2)",
              "Blocks behind", [("server", "Server"), ("network", "Network")], "none", [(None, YELLOW), (7, RED)],
              links={"Server": DETAIL}),
        row("How fast"),
        series("Time to the first byte", "Half of all visits, and 95 in a hundred, have their first answer within this time.",
               [(f'histogram_quantile({q}, sum by (le) (rate(electrum_visit_duration_seconds_bucket{{{NET}, phase="first_byte"}}[{RATE}])))', f"p{round(q * 100)}")
                for q in (0.5, 0.95)], "s"),
        table("Least reachable", "Servers by the share of liveness visits that they answered in a day, the worst last.",
              f'sum by (network, server) (increase(electrum_visits_total{{{NET}, lane="liveness", outcome="answered"}}[1d])) / '
              f'sum by (network, server) (increase(electrum_visits_total{{{NET}, lane="liveness"}}[1d]))',
              "Uptime", [("server", "Server"), ("network", "Network")], "percentunit", PERCENT, links={"Server": DETAIL}),
    ])


def server():
    """One of them."""
    visits = f"sum by (outcome) (rate(electrum_visits_total{{{ONE}}}[{RATE}]))"
    answered = f'electrum_visits_total{{{ONE}, lane="liveness", outcome="answered"}}'
    asked = f'electrum_visits_total{{{ONE}, lane="liveness"}}'
    phases = ("dns", "connect", "tls", "first_byte", "total")

    def uptime(days):
        return f"sum(increase({answered}[{days}d])) / sum(increase({asked}[{days}d]))"

    return dashboard("server", "Server", "One server: whether and how fast it answers, what it shows, what is held against it.",
                     [NETWORK, SERVER], [
        stat("Reachable", "The verdict of the vantages together: 1 is reachable.", f"max(electrum_server_up{{{ONE}}})", "bool_yes_no",
             [(None, RED), (1, GREEN)]),
        stat("Uptime, a day", "The share of liveness visits that it answered in the last 24 hours.", uptime(1), "percentunit", PERCENT),
        stat("Uptime, a week", "The share of liveness visits that it answered in the last 7 days.", uptime(7), "percentunit", PERCENT),
        stat("Score", "How suspicious it is: 10 is notable, 30 suspicious, 80 dishonest.",
             f"max(electrum_server_suspicion_score{{{ONE}}})", "none", LEVELS, links=[REPORT]),
        stat("Blocks behind", "How far its tip is behind that of half of the servers.",
             f"max({TIP}) - max(electrum_tip_height{{{ONE}}})", "none", [(None, GREEN), (2, YELLOW), (7, RED)]),
        stat("Certificate", "How long its certificate is still valid.",
             f"max(electrum_certificate_not_after_seconds{{{ONE}}}) - time()", "s",
             [(None, RED), (0, ORANGE), (7 * 86400, GREEN)]),
        switch("Reachable", "When it was reachable, by the verdict of the vantages together.",
                 f"max by (server) (electrum_server_up{{{ONE}}})", "{{server}}",
                 {"0": ("unreachable", RED), "1": ("reachable", GREEN)}),
        series("How long each phase takes", "Half of the visits are faster: look-up of the name, connection, TLS, first answer, whole visit.",
               [(f'histogram_quantile(0.5, sum by (le) (rate(electrum_visit_duration_seconds_bucket{{{ONE}, phase="{phase}"}}[{RATE}])))', phase)
                for phase in phases], "s"),
        series("The slowest visits", "95 in a hundred visits are faster.",
               [(f'histogram_quantile(0.95, sum by (le) (rate(electrum_visit_duration_seconds_bucket{{{ONE}, phase="{phase}"}}[{RATE}])))', phase)
                for phase in phases], "s"),
        series("How visits end", "Visits by outcome, a second.", [(visits, "{{outcome}}")], "cps", stacked=True),
        series("By vantage", "Liveness visits that it answered, as each vantage sees it.",
               [(f"sum by (vantage) (rate({answered}[{RATE}])) / sum by (vantage) (rate({asked}[{RATE}]))", "{{vantage}}")],
               "percentunit", defaults={"min": 0, "max": 1}),
        series("Height", "The latest block that it told of, beside what half of the servers told.",
               [(f"max by (server) (electrum_tip_height{{{ONE}}})", "{{server}}"), (f"max({TIP})", "half of the servers")], "none"),
        series("Score over time", "What the analyses made of it. The findings themselves, with their evidence, are in the report.",
               [(f"max by (campaign) (electrum_server_suspicion_score{{{ONE}}})", "{{campaign}}")], "none", LEVELS,
               defaults={"min": 0, "max": 100}, links=[REPORT]),
        table("What is known of it", "What it speaks like, where it is, and which group the evidence links it to.",
              f"max by (campaign, network, server, software, country, level, group) (electrum_server_info{{{ONE}}})", "Known",
              [("campaign", "Campaign"), ("network", "Network"), ("server", "Server"), ("software", "Software"),
               ("country", "Country"), ("level", "Level"), ("group", "Group")], "none", width=24, height=5),
    ])


def suspicion():
    """Who may not be honest."""
    colours = dict(zip([name for name, _, _ in LEVEL], (GREEN, YELLOW, ORANGE, RED)))
    groups = f"max by (campaign, network, group) (electrum_group_servers{{{NET}}})"
    told = f"count by (campaign, network) ({SCORES})"
    painted = [{"matcher": {"id": "byName", "options": name},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]}
               for name, colour in colours.items()]
    return dashboard("suspicion", "Suspicion", "What is held against servers, and who belongs together. A score is a reason to look "
                     "at the evidence in the report, and no verdict.", [NETWORK], [
        *[stat(name.capitalize(), f"Servers whose level is {name}: {means}.", f"count({SCORES} {within}) or vector(0)",
               steps=[(None, GREEN), (1, colours[name])]) for name, within, means in LEVEL],
        stat("Largest group", "Servers in the largest group that the evidence links.", f"max({groups}) or vector(0)"),
        stat("Its share", "The share of the servers that are in it. From 5 % on it is a finding by itself.",
             f"max({groups} / on (campaign, network) group_left {told})", "percentunit", [(None, GREEN), (0.05, ORANGE), (0.2, RED)]),
        series("Levels over time", "Servers of each level, after each analysis.",
               [(f"count({SCORES} {within})", name) for name, within, _ in LEVEL], stacked=True, overrides=painted),
        series("The most suspicious over time", "The scores of the ten servers with the highest ones.",
               [(f"topk(10, {SCORES})", "{{server}}")], "none", LEVELS, defaults={"min": 0, "max": 100}),
        table("Scores", "Servers with a score of 10 or more, the highest first.", f"{SCORES} >= 10", "Score",
              [("server", "Server"), ("network", "Network"), ("campaign", "Campaign")], "none", LEVELS, links={"Server": DETAIL, "Score": REPORT}),
        table("Groups", "Groups of servers that the evidence links, the largest first. \"Consistent with one operator\" is all it says.",
              groups, "Servers", [("group", "Group"), ("network", "Network"), ("campaign", "Campaign")], "none",
              [(None, GREEN), (5, YELLOW), (20, ORANGE)], links={"Group": REPORT}),
        series("Groups over time", "The ten largest groups.", [(f"topk(10, {groups})", "{{group}}")], "none", width=24),
    ])


def fleet():
    """Those who visit."""
    def busy(kind):
        return f'sum by (vantage) (electrum_worker_condition{{{FROM}, condition="{kind}"}})'

    return dashboard("fleet", "Fleet", "The scanners: whether they keep up, what keeps them from it, and what they cost others.",
                     [NETWORK, VANTAGE], [
        stat("Scanners", "Scanners that tell of themselves.", f"count(electrum_claims_held{{{FROM}}})"),
        stat("Working", "Scanners that nothing keeps from working.", f'sum(electrum_worker_condition{{{FROM}, condition="Working"}})'),
        stat("Visits", "Visits that ended, a second.", f"sum(rate(electrum_visits_total{{{FROM}}}[{RATE}]))", "cps"),
        stat("Lag of liveness", "How long the liveness visit that waits longest has been due.",
             f'max(electrum_schedule_lag_seconds{{{FROM}, lane="liveness"}})', "s", [(None, GREEN), (300, YELLOW), (1800, RED)]),
        stat("Series", "Series of single servers, of all scanners together.", f"sum(electrum_series{{{FROM}}})"),
        stat("Folded servers", "Servers that are counted as `other`, because the series budget is spent.",
             f"max(electrum_servers_folded_total{{{FROM}}})", steps=[(None, GREEN), (1, ORANGE)]),
        series("Lag", "How long the visit that waits longest has been due, by lane.",
               [(f"max by (vantage, lane) (electrum_schedule_lag_seconds{{{FROM}}})", "{{vantage}} {{lane}}")], "s",
               [(None, GREEN), (1800, ORANGE)]),
        series("Queue", "Visits that are due and not claimed, by lane.",
               [(f"max by (vantage, lane) (electrum_schedule_due{{{FROM}}})", "{{vantage}} {{lane}}")]),
        series("Visits by outcome", "How visits end, a second.",
               [(f"sum by (outcome) (rate(electrum_visits_total{{{FROM}}}[{RATE}]))", "{{outcome}}")], "cps", stacked=True),
        series("Visits by lane", "What visits are for: who is there, the whole catalogue, peers, new blocks.",
               [(f"sum by (lane) (rate(electrum_visits_total{{{FROM}}}[{RATE}]))", "{{lane}}")], "cps", stacked=True),
        row("What keeps them from it"),
        series("Conditions", "Scanners in each condition but Working.",
               [(busy(kind), "{{vantage}} " + kind) for kind in ("RedisAway", "RedisFull", "Backlog", "QuietHours", "Abstaining", "Draining")],
               stacked=True),
        series("Permits refused", "Visits a second that were refused a permit, or that there was no point in making. This is politeness at work.",
               [(f"sum by (vantage) (rate(electrum_visits_skipped_total{{{FROM}}}[{RATE}]))", "{{vantage}}")], "cps"),
        series("Errors of Redis", "Calls of Redis that failed, a second.",
               [(f"sum by (class) (rate(electrum_redis_errors_total{{{FROM}}}[{RATE}]))", "{{class}}")], "cps"),
        series("Claims", "Claims that scanners hold, and claims a second.",
               [(f"sum(electrum_claims_held{{{FROM}}})", "held"), (f"sum(rate(electrum_claims_total{{{FROM}}}[{RATE}]))", "a second")]),
        series("Lost", "Reports and settlements a second that came too late, and visits that could not be reported.",
               [(f"sum(rate(electrum_stale_total{{{FROM}}}[{RATE}]))", "too late"),
                (f"sum(rate(electrum_visits_unreported_total{{{FROM}}}[{RATE}]))", "not reported")], "cps"),
        series("Canaries", "How visits to servers that are known to be good end, a second.",
               [(f"sum by (vantage, outcome) (rate(electrum_canary_visits_total{{{FROM}}}[{RATE}]))", "{{vantage}} {{outcome}}")], "cps"),
        row("What they find, and what it costs"),
        series("Servers known", "Servers on the schedule.",
               [(f"max by (network) (electrum_servers_known{{{FROM}}})", "{{network}}")]),
        series("Turned away", "Servers that somebody told of and that were not taken in, a second, by reason.",
               [(f"sum by (reason) (rate(electrum_listings_refused_total{{{FROM}}}[{RATE}]))", "{{reason}}")], "cps"),
        series("Traffic", "Bytes to and from servers, a second.",
               [(f"sum by (direction) (rate(electrum_traffic_bytes_total{{{FROM}}}[{RATE}]))", "{{direction}}")], "Bps"),
        series("Cost to servers", "What visits cost the servers, in ElectrumX's units (E), a second.",
               [(f"sum by (vantage) (rate(electrum_cost_spent_total{{{FROM}}}[{RATE}]))", "{{vantage}}")], "none"),
        series("Series", "Series that belong to single servers, by scanner. What does not fit into the budget is counted as `other`.",
               [(f"electrum_series{{{FROM}}}", "{{vantage}} {{pod}}")], width=24),
    ])


def operator():
    """Who looks after them."""
    ours = 'job=~".*operator.*"'
    return dashboard("operator", "Operator", "What looks after campaigns: whether somebody writes, how long it takes, what goes wrong.", [], [
        stat("Replicas", "Replicas of the operator that tell of themselves.", "count(operator_leader)", steps=[(None, RED), (1, GREEN)]),
        stat("Leaders", "Replicas that write. There must be one.", "sum(operator_leader)", steps=[(None, RED), (1, GREEN), (2, RED)]),
        stat("Reconciles", "Resources that are looked after, a second.", f"sum(rate(operator_reconciles_total[{RATE}]))", "cps"),
        stat("Errors", "Reconciles that failed, a second.", f"sum(rate(operator_errors_total[{RATE}])) or vector(0)", "cps", [(None, GREEN), (0.05, ORANGE)]),
        stat("Unreadable resources", "Resources that this version cannot read.", "sum(max by (kind) (operator_malformed_resources)) or vector(0)",
             steps=[(None, GREEN), (1, RED)]),
        stat("Writes", "Writes to the API server, a second. Flat where nothing changes.", f"sum(rate(operator_writes_total[{RATE}])) or vector(0)", "cps"),
        series("Reconciles", "How often each controller looked after something, and how that ended, a second.",
               [(f"sum by (controller, outcome) (rate(operator_reconciles_total[{RATE}]))", "{{controller}} {{outcome}}")], "cps"),
        series("How long they take", "95 in a hundred are faster.",
               [(f"histogram_quantile(0.95, sum by (controller, le) (rate(operator_reconcile_seconds_bucket[{RATE}])))", "{{controller}}")], "s"),
        series("Errors", "What went wrong, by its kind, a second. `forbidden`, `refused`, `taken`, `redis` and `internal` need somebody to act.",
               [(f"sum by (controller, class) (rate(operator_errors_total[{RATE}]))", "{{controller}} {{class}}")], "cps"),
        series("Running", "Resources that are being looked after. One that stays for minutes is stuck.",
               [("sum by (controller) (operator_reconciles_running)", "{{controller}}")]),
        series("Writes", "Writes to the API server by verb, a second.",
               [(f"sum by (verb) (rate(operator_writes_total[{RATE}]))", "{{verb}}")], "cps"),
        series("Broken watches", "Watches that ended with an error and were begun again, a second.",
               [(f"sum by (watch) (rate(operator_watch_errors_total[{RATE}]))", "{{watch}}")], "cps"),
        series("Visits that wait", "Visits in the stream of each campaign, until operator and archive have both read them. They pile up where "
               "one of the two does not.", [("max by (campaign) (operator_visits_waiting)", "{{campaign}}")]),
        series("How far behind it reads", "How long the visit that was read last had waited, and visits that were read, a second.",
               [("max by (campaign) (operator_ingest_lag_seconds)", "{{campaign}}"),
                (f"sum by (campaign) (rate(operator_ingested_visits_total[{RATE}]))", "{{campaign}}, visits a second")], "s",
               overrides=[{"matcher": {"id": "byRegexp", "options": ".*visits a second"},
                           "properties": [{"id": "unit", "value": "cps"}, {"id": "custom.axisPlacement", "value": "right"}]}]),
        series("Servers without series", "Servers that no dashboard shows, as the budget of series (`--series`) is spent: the least suspicious.",
               [("max by (campaign, network) (electrum_servers_untold)", "{{campaign}}")], width=24),
        switch("Who leads", "Which replica writes.", "max by (instance) (operator_leader)", "{{instance}}",
                 {"0": ("stands by", "blue"), "1": ("leads", GREEN)}),
        row("What it uses"),
        series("Memory", "Resident memory of each replica.", [(f"process_resident_memory_bytes{{{ours}}}", "{{instance}}")], "bytes", width=8),
        series("CPU", "Seconds of CPU a second, of each replica.", [(f"rate(process_cpu_seconds_total{{{ours}}}[{RATE}])", "{{instance}}")], "none", width=8),
        series("Open files", "Descriptors of each replica; connections are among them.", [(f"process_open_fds{{{ours}}}", "{{instance}}")], width=8),
    ])


def main():
    folder = pathlib.Path(__file__).parent
    made = {folder / f"{make.__name__}.json": json.dumps(make(), indent=1, ensure_ascii=False) + "\n"
            for make in (network, server, suspicion, fleet, operator)}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:] and stale:
        raise SystemExit(f"not as it would be made: {', '.join(path.name for path in stale)}. Run `make dashboards`")
    for path in stale:
        path.write_text(made[path])


if __name__ == "__main__":
    main()
