#!/usr/bin/env python3
"""Writes the Grafana dashboard to standard output: `tests/alerts/dashboard.py > helm/files/dashboard.json`.

Places, ids and what all panels have in common are worked out here, so that the list of panels below says only what each is.
"""

import json
import sys

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# What a process tells, of the replicas that are chosen.
OURS = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'
# What the rules have recorded, which is summed over the replicas.
WHOLE = 'namespace=~"$namespace",job=~"$job"'
TENANT = OURS + ',tenant=~"$tenant"'
EACH = "[$__rate_interval]"
GREEN, YELLOW, RED = "green", "yellow", "red"
COLUMNS = 24
LOOKS = {
    "stat": {"colorMode": "background", "graphMode": "area", "justifyMode": "auto", "orientation": "auto",
             "textMode": "auto", "wideLayout": True},
    "bargauge": {"displayMode": "basic", "valueMode": "color", "orientation": "horizontal", "showUnfilled": True,
                 "namePlacement": "auto", "sizing": "auto"},
}


class Page:
    """The panels, placed from left to right and from top to bottom."""

    def __init__(self):
        self.panels, self.x, self.y, self.tall = [], 0, 0, 0

    def place(self, panel, width, height):
        if self.x + width > COLUMNS:
            self.x, self.y, self.tall = 0, self.y + self.tall, 0
        panel["id"] = len(self.panels) + 1
        panel["gridPos"] = {"x": self.x, "y": self.y, "w": width, "h": height}
        self.x, self.tall = self.x + width, max(self.tall, height)
        self.panels.append(panel)

    def row(self, title):
        self.x, self.y, self.tall = 0, self.y + self.tall, 0
        self.place({"type": "row", "title": title, "collapsed": False, "panels": []}, COLUMNS, 1)

    def panel(self, kind, title, text, unit, *queries, width=8, height=8, steps=(), most=None, least=0, stack=False,
              mappings=()):
        defaults = {"unit": unit, "mappings": list(mappings), "thresholds": thresholds(steps)}
        if least is not None:
            defaults["min"] = least
        if most is not None:
            defaults["max"] = most
        panel = {
            "type": kind,
            "title": title,
            "description": text,
            "datasource": SOURCE,
            "targets": [target(number, *query) for number, query in enumerate(queries)],
        }
        if kind == "timeseries":
            defaults["color"] = {"mode": "palette-classic"}
            defaults["custom"] = {
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": 25 if stack else 5,
                "showPoints": "never",
                "spanNulls": False,
                "stacking": {"mode": "normal" if stack else "none", "group": "A"},
                "thresholdsStyle": {"mode": "dashed" if steps else "off"},
            }
            panel["options"] = {
                "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        else:
            reduced = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
            defaults["color"] = {"mode": "thresholds"}
            panel["options"] = {**reduced, **LOOKS[kind]}
        panel["fieldConfig"] = {"defaults": defaults, "overrides": []}
        self.place(panel, width, height)

    def stat(self, title, text, unit, *queries, **rest):
        self.panel("stat", title, text, unit, *queries, **{"width": 4, "height": 4, **rest})

    def graph(self, title, text, unit, *queries, **rest):
        self.panel("timeseries", title, text, unit, *queries, **rest)


def thresholds(steps):
    colours = [{"color": steps[0] if steps else GREEN, "value": None}]
    colours += [{"color": colour, "value": value} for value, colour in steps[1:]]
    return {"mode": "absolute", "steps": colours}


def target(number, expression, legend=""):
    return {
        "refId": chr(ord("A") + number),
        "datasource": SOURCE,
        "expr": expression,
        "legendFormat": legend or "__auto",
        "range": True,
        "instant": False,
    }


def quantile(share, name, labels, chosen):
    by = ", ".join(["le", *labels])
    return f"histogram_quantile({share}, sum by ({by}) (rate({name}_bucket{{{chosen}}}{EACH})))"


def rate(name, labels, chosen):
    return f"sum by ({labels}) (rate({name}{{{chosen}}}{EACH}))"


def yes_no(yes, no, good):
    colours = {True: GREEN, False: RED}
    options = {
        "1": {"text": yes, "color": colours[good], "index": 0},
        "0": {"text": no, "color": colours[not good], "index": 1},
    }
    return [{"type": "value", "options": options}]


def health(page):
    page.row("Health: does it answer?")
    page.stat(
        "Success ratio, 1 h",
        "Of the requests that could have been answered. Callers' own mistakes are in neither number. The objective is 99.5 %. "
        "Where it is less, the failures by outcome tell which runbook applies.",
        "percentunit",
        (f"1 - sluice:requests_failed:ratio_rate1h{{{WHOLE}}}", "{{job}}"),
        steps=(RED, (0.985, YELLOW), (0.995, GREEN)), most=1, least=None,
    )
    page.stat(
        "Error budget left, 3 d",
        "Of the 0.5 % that may fail, what the last three days did not. Below nothing, failures come faster than the objective allows.",
        "percentunit",
        (f"1 - sluice:requests_failed:ratio_rate3d{{{WHOLE}}} / 0.005", "{{job}}"),
        steps=(RED, (0, YELLOW), (0.5, GREEN)), most=1, least=None,
    )
    page.stat(
        "Replicas that are scraped",
        "How many gateways tell their metrics. More than one without a Redis spend a whole budget each: see Redis beside it.",
        "short",
        (f"count(sluice_build_info{{{OURS}}}) or on () vector(0)", "replicas"),
        steps=(RED, (1, GREEN)),
    )
    page.stat(
        "Redis",
        "Whether every replica reaches the Redis that they share. While it is away nothing is asked upstream and held answers are "
        "served. No data: this gateway is alone and needs none.",
        "short",
        (f"min(sluice_store_connected{{{OURS}}})", "redis"),
        steps=(RED, (1, GREEN)), mappings=yes_no("reached", "away", True),
    )
    page.stat(
        "Since the vendor last answered",
        "Any replica. It grows while nobody asks anything new; it is bad only while calls are made, or no connection can be opened.",
        "s",
        (f"time() - max(sluice_upstream_last_success_timestamp_seconds{{{OURS}}})", "ago"),
        steps=(GREEN, (600, YELLOW), (3600, RED)),
    )
    page.stat(
        "Asked at this moment",
        "Questions that have a turn or wait for one, as one flight each, whoever else wants the same.",
        "short",
        (f"sum(sluice_flights{{{OURS}}})", "questions"),
    )
    page.graph(
        "Requests by outcome",
        "hit, joined and miss are answers; refreshed replaced a stale one; stale stood in for a failure. budget_exhausted and "
        "line_full: see Budget and Queue. rate_limited is the tenant's own requests_per_second.",
        "reqps",
        (rate("sluice_requests_total", "outcome", TENANT), "{{outcome}}"),
        stack=True,
    )
    page.graph(
        "Failures by whose doing and outcome",
        "What the objective counts. gateway: the budget, the configuration, the keys or a defect. upstream: the vendor or the way "
        "to it. Longer cache.stale_if_error lets held answers stand in for more of them.",
        "reqps",
        (
            f'sum by (blame, outcome) (rate(sluice_requests_total{{{TENANT},blame=~"gateway|upstream"}}{EACH}))',
            "{{blame}}: {{outcome}}",
        ),
        stack=True,
    )
    page.graph(
        "Latency by outcome, median",
        "A hit takes less than a millisecond. A miss takes its wait for a turn and the call; refusals are told at once.",
        "s",
        (quantile(0.5, "sluice_request_duration_seconds", ["outcome"], TENANT), "{{outcome}}"),
    )
    page.graph(
        "Latency by outcome, 99th percentile",
        "Hits that are slow want CPU. Misses are bounded by queue.max_wait and upstream.timeout: lower them where callers give up "
        "earlier anyway.",
        "s",
        (quantile(0.99, "sluice_request_duration_seconds", ["outcome"], TENANT), "{{outcome}}"),
    )
    page.graph(
        "Upstream calls by outcome",
        "answered is good. throttled: see Budget. credentials, denied, refused and clock are for us to mend, the rest is the "
        "vendor's or the way's. no connection: nothing was sent, so it is no call.",
        "reqps",
        (rate("sluice_upstream_calls_total", "outcome", TENANT), "{{outcome}}"),
        (f"sum(rate(sluice_upstream_unreachable_total{{{TENANT}}}{EACH}))", "no connection"),
        stack=True,
    )
    page.graph(
        "Upstream latency",
        "From the sending of a call to its end, of those that were answered. Above budget.guard nothing is lost but a little of the "
        "budget. Near upstream.timeout calls are given up.",
        "s",
        (quantile(0.5, "sluice_upstream_call_duration_seconds", [], OURS + ',outcome="answered"'), "median"),
        (quantile(0.99, "sluice_upstream_call_duration_seconds", [], OURS + ',outcome="answered"'), "99th percentile"),
    )


def budget(page):
    page.row("Budget: who uses it up?")
    page.graph(
        "Utilisation of the limit",
        "Calls over what the vendor allows, all replicas together. About 91 % is the most with a guard of 100 ms. Full for long and "
        "callers refused: share more questions (query.grid, cache.recent_ttl), or have the vendor raise the limit. Above 100 %: "
        "replicas do not share a Redis.",
        "percentunit",
        (f"sluice:budget_utilisation:ratio_rate1m{{{WHOLE}}}", "{{job}}"),
        steps=(GREEN, (0.8, YELLOW), (1, RED)),
    )
    page.graph(
        "Calls by tenant",
        "Whose turns they were. While lines are full, turns go by weight: raise a tenant's weight to give it more of them, and the "
        "others less. A question that several tenants ask counts for the one whose turn brought it.",
        "reqps",
        (f'sum by (tenant) (sluice:upstream_calls:rate1m{{{WHOLE},tenant=~"$tenant"}})', "{{tenant}}"),
        (f"sum(sluice:budget_limit:calls_per_second{{{WHOLE}}})", "the limit"),
    )
    page.panel(
        "bargauge",
        "Calls by tenant over the time shown",
        "Each tenant's share of what was spent so far. A tenant that spends most and hits least asks ever new questions: windows "
        "that move with the second, or many apps. Bare dates and now-24h are shared best.",
        "short",
        (f"sum by (tenant) (increase(sluice_upstream_calls_total{{{TENANT}}}[$__range]))", "{{tenant}}"),
    )
    page.graph(
        "Throttles and foreign spend",
        "Calls that the vendor said were too fast. Throttles alone: the way is slower than budget.guard; widen it. Foreign spend: our "
        "own calls do not explain them, so somebody else uses the account; find them, or lower budget.calls to leave them their part.",
        "short",
        (f"sum(increase(sluice_budget_throttles_total{{{OURS}}}{EACH}))", "throttled"),
        (f"sum(increase(sluice_budget_foreign_spend_suspected_total{{{OURS}}}{EACH}))", "foreign spend suspected"),
    )
    page.graph(
        "Guard",
        "How long a call is assumed to be on its way. It doubles with each throttle and halves back each quiet minute; the wider it "
        "is, the less of the limit can be had.",
        "s",
        (f"max by (instance) (sluice_budget_guard_seconds{{{OURS}}})", "{{instance}}"),
    )
    page.graph(
        "Slots that are free",
        "As each replica sees them at the moment of the scrape. Free slots while questions wait for long are a defect, or Redis is away.",
        "short",
        (f"min by (instance) (sluice_budget_slots_free{{{OURS}}})", "{{instance}} free"),
        (f"max(sluice_budget_slots{{{OURS}}})", "slots"),
    )


def queue(page):
    page.row("Queue: who waits for a turn?")
    page.graph(
        "Waiting by tenant",
        "Questions in each tenant's line, over all replicas. At queue.per_tenant (100) a tenant is told line_full. A long line of one "
        "tenant does not delay the others by more than a round.",
        "short",
        (f"sum by (tenant) (sluice_queue_waiting{{{TENANT}}})", "{{tenant}}"),
        stack=True,
    )
    page.graph(
        "Wait for a turn",
        "Of the questions that had one. Near queue.max_wait, callers are refused: raise it for callers with patience, or spend less.",
        "s",
        (quantile(0.5, "sluice_queue_wait_seconds", ["tenant"], TENANT), "{{tenant}} median"),
        (quantile(0.95, "sluice_queue_wait_seconds", ["tenant"], TENANT), "{{tenant}} 95th percentile"),
    )
    page.graph(
        "Refusals by tenant and reason",
        "budget_exhausted: the turn is further away than the caller's patience; raise its weight, or its Prefer: wait. line_full: "
        "more than queue.per_tenant wait. budget_unavailable: Redis is away. audit_unavailable: calls cannot be recorded. draining: a "
        "replica stops.",
        "reqps",
        (rate("sluice_queue_refusals_total", "tenant, reason", TENANT), "{{tenant}}: {{reason}}"),
        stack=True,
    )


def cache(page):
    page.row("Cache: what is answered without a call?")
    page.graph(
        "Hit ratio",
        "Of the questions that were looked up. Low: questions differ too much (coarser query.grid), or answers that still move go "
        "stale too soon (longer cache.recent_ttl). Final answers stay as long as there is room.",
        "percentunit",
        (
            f'sum(rate(sluice_cache_lookups_total{{{OURS},result="hit"}}{EACH}))'
            f" / sum(rate(sluice_cache_lookups_total{{{OURS}}}{EACH}))",
            "hits",
        ),
        most=1,
    )
    page.graph(
        "Lookups by what was found",
        "stale: there was an answer, but too old to be believed; a longer cache.recent_ttl makes hits of them. miss: nothing was held.",
        "reqps",
        (rate("sluice_cache_lookups_total", "result", OURS), "{{result}}"),
        stack=True,
        width=8,
    )
    page.graph(
        "Answers held",
        "By each replica. A fall without a purge or a restart means that there was no room.",
        "short",
        (f"sum by (instance) (sluice_cache_answers{{{OURS}}})", "{{instance}}"),
        width=4,
    )
    page.graph(
        "Weight against its bound",
        "What held answers weigh, of cache.max_bytes. At the bound the longest unused go: raise it, and the memory limit with it, "
        "if misses grow.",
        "bytes",
        (f"sum by (instance) (sluice_cache_size_bytes{{{OURS}}})", "{{instance}}"),
        (f"max(sluice_cache_max_bytes{{{OURS}}})", "cache.max_bytes"),
        width=4,
    )


def identity(page):
    page.row("Identity and configuration: who may ask, and under what?")
    page.graph(
        "Age of keys by issuer",
        "Since the provider's keys were last fetched, at the worst replica. Normal: under keys_lifetime (a minute). At keys_max_age "
        "(24 h) its tokens are refused. Issuers whose keys are in files are not here.",
        "s",
        (f"max by (issuer) (time() - sluice_issuer_keys_fetched_timestamp_seconds{{{OURS}}})", "{{issuer}}"),
        steps=(GREEN, (3600, YELLOW), (86400, RED)),
    )
    page.graph(
        "Keys by issuer",
        "The fewest that a replica has. None: its callers get 503 keys-unavailable. Skipped are published and cannot be used; "
        "GET /status tells why.",
        "short",
        (f"min by (issuer) (sluice_issuer_keys{{{OURS}}})", "{{issuer}}"),
        (f"max by (issuer) (sluice_issuer_keys_skipped{{{OURS}}})", "{{issuer}} skipped"),
        (f"max by (issuer) (sluice_issuer_keys_fetch_failing{{{OURS}}})", "{{issuer}} fetch fails"),
    )
    page.graph(
        "Reloads",
        "Read and put in force, or failed and changed nothing. Failed: the mistakes are in the log and in sluice status.",
        "short",
        (f"sum(increase(sluice_config_reloads_total{{{OURS}}}{EACH}))", "succeeded"),
        (f"sum(increase(sluice_config_reload_failures_total{{{OURS}}}{EACH}))", "failed"),
    )
    page.stat(
        "Last reload",
        "At every replica. If it failed, mend the configuration before anything restarts.",
        "short",
        (f"min(sluice_config_last_reload_successful{{{OURS}}})", "last reload"),
        steps=(RED, (1, GREEN)), mappings=yes_no("succeeded", "failed", True),
    )
    page.stat(
        "Generation",
        "Of the configuration, since each process began. Replicas that were started at different times may differ.",
        "short",
        (f"max by (instance) (sluice_config_generation{{{OURS}}})", "{{instance}}"),
    )
    page.stat(
        "Awaits a restart",
        "Changed keys that are not in force yet. sluice status names them.",
        "short",
        (f"max(sluice_config_awaits_restart{{{OURS}}})", "keys"),
        steps=(GREEN, (1, YELLOW)),
    )
    page.stat(
        "Age of the master key",
        "Since the key in force was read, at the replica that read it first. A new one is put in force while it runs; a restart reads "
        "it anew.",
        "s",
        (f"max(time() - sluice_master_key_read_timestamp_seconds{{{OURS}}})", "read"),
    )
    page.stat(
        "Newest master key",
        "Refused by the vendor at any replica? Then the old one is still in force: do not withdraw it.",
        "short",
        (f"max(sluice_master_key_rejected{{{OURS}}})", "newest key"),
        steps=(GREEN, (1, RED)), mappings=yes_no("refused", "not refused", False),
    )
    page.stat(
        "Record of calls",
        "Can each replica write to audit.file? If not, it sends no call: sluice status says why. Empty where nothing is recorded.",
        "short",
        (f"min(sluice_audit_writable{{{OURS}}})", "record of calls"),
        steps=(RED, (1, GREEN)), mappings=yes_no("written", "cannot be written", True),
    )
    page.graph(
        "Time to make a record durable",
        "A turn has half of budget.guard for it; a record that takes longer waits for another turn. Slower than that for long: a "
        "faster disk, or a wider guard.",
        "s",
        (quantile(0.5, "sluice_audit_write_duration_seconds", [], OURS), "median"),
        (quantile(0.99, "sluice_audit_write_duration_seconds", [], OURS), "99th percentile"),
        (f"min(sluice_budget_guard_seconds{{{OURS}}}) / 2", "what a turn has"),
    )
    page.stat(
        "Lines and spans lost",
        "Over the time shown: log lines that were not read in time, and spans that the collector did not take or that had no room.",
        "short",
        (f"sum(increase(sluice_log_lines_dropped_total{{{OURS}}}[$__range]))", "lines"),
        (
            f"sum(increase(sluice_spans_dropped_total{{{OURS}}}[$__range]))"
            f" + sum(increase(sluice_spans_failed_total{{{OURS}}}[$__range]))",
            "spans",
        ),
        steps=(GREEN, (1, YELLOW)),
    )


def variable(name, label, query, multi):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": query, "refId": name, "qryType": 1},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": multi,
        "includeAll": multi,
        # Also what has no such label: outside Kubernetes there is no namespace, and a stranger's request has no tenant.
        **({"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}} if multi else {"current": {}}),
        "options": [],
        "hide": 0,
    }


def dashboard():
    page = Page()
    for part in (health, budget, queue, cache, identity):
        part(page)
    source = {
        "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus",
        "current": {}, "options": [], "refresh": 1, "regex": "", "hide": 0, "multi": False, "includeAll": False,
    }
    of_job = 'namespace=~"$namespace",job=~"$job"'
    return {
        "uid": "sluice",
        "title": "Sluice",
        "description": "Is it healthy, who uses the budget, what would one change?",
        "tags": ["sluice"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [
            source,
            variable("namespace", "Namespace", "label_values(sluice_build_info, namespace)", True),
            variable("job", "Job", 'label_values(sluice_build_info{namespace=~"$namespace"}, job)', False),
            variable("instance", "Replica", f"label_values(sluice_build_info{{{of_job}}}, instance)", True),
            variable("tenant", "Tenant", f"label_values(sluice_queue_waiting{{{of_job}}}, tenant)", True),
        ]},
        "annotations": {"list": [{
            "name": "Configuration put in force",
            "datasource": SOURCE,
            "enable": True,
            "hide": False,
            "iconColor": "blue",
            "expr": f"changes(sluice_config_generation{{{OURS}}}[1m]) > 0",
            "titleFormat": "another configuration",
            "textFormat": "{{instance}}",
            "step": "60s",
        }]},
        "links": [],
        "panels": page.panels,
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
