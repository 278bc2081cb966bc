#!/usr/bin/env bash
# Checks what watches the gateway: the rules, their tests, their runbooks, the dashboard, and that every metric they name is one
# that a gateway has.
#
#   run.sh [PAGE…]    PAGE: a file with what GET /metrics said, in the text format. A metric without a value is not on the page,
#                     so it takes a gateway with a Redis, an issuer whose keys are fetched and a collector, that has answered,
#                     missed and refused; or several pages.
set -euo pipefail
cd "$(dirname "$0")/../.."

rules=helm/files/alerts.yaml
dashboard=helm/files/dashboard.json
runbooks=docs/runbooks
failed=0

complain() {
    echo "alerts: $*" >&2
    failed=1
}

promtool check rules "$rules"
promtool test rules tests/alerts/*_test.yaml
python3 -B tests/alerts/dashboard.py | cmp - "$dashboard" ||
    complain "$dashboard is not what tests/alerts/dashboard.py makes: run it again"

# Each alert has a page, each page an alert, and the index and docs/watching.md tell of both.
pages=$(sed -n 's/^ *runbook_url: //p' "$rules" | sort -u)
[ "$(grep -c '^ *- alert:' "$rules")" = "$(grep -c '^ *runbook_url:' "$rules")" ] || complain "an alert has no runbook_url"
while read -r alert; do
    page=$runbooks/$(sed 's/\([a-z]\)\([A-Z]\)/\1-\2/g' <<<"$alert" | tr '[:upper:]' '[:lower:]').md
    grep -qxF "$page" <<<"$pages" || complain "$alert does not lead to $page"
    [ -f "$page" ] || { complain "$alert has no page $page"; continue; }
    head -1 "$page" | grep -qxF "# $alert" || complain "$page does not begin with # $alert"
    grep -qF "(${page##*/})" "$runbooks/README.md" || complain "$runbooks/README.md does not tell of $page"
    grep -qF "(runbooks/${page##*/})" docs/watching.md || complain "docs/watching.md does not tell of $page"
    grep -qF "alertname=\"$alert\"" tests/alerts/*_test.yaml || complain "$alert is not tested"
done < <(sed -n 's/^ *- alert: //p' "$rules" | sort -u)
for page in "$runbooks"/*.md; do
    [ "$page" = "$runbooks/README.md" ] || grep -qxF "$page" <<<"$pages" || complain "$page belongs to no alert"
done

# What the dashboard reads of recorded series, the rules record.
while read -r series; do
    grep -qx " *- record: $series" "$rules" || complain "$series is used and not recorded"
done < <(grep -ohE 'sluice:[a-z0-9_]+:[a-z0-9_]+' "$rules" "$dashboard" docs/watching.md "$runbooks"/*.md | sort -u)

if [ $# = 0 ]; then
    cat >&2 <<'SKIPPED'
**********************************************************************************************
** SKIPPED: whether the metrics of the rules and the dashboard exist. Give a page of metrics: **
**     make alerts METRICS_PAGE=metrics.txt                                                   **
**********************************************************************************************
SKIPPED
else
    known=$(mktemp)
    trap 'rm -f "$known"' EXIT
    # Not in a pipe: what is complained of in one would be forgotten.
    for page in "$@"; do
        promtool check metrics <"$page" || complain "promtool complains about $page"
        # A histogram is named by its buckets in PromQL, and as a whole in prose.
        sed -nE 's/^(sluice_[a-z0-9_]+)[{ ].*/\1/p; s/^# TYPE (sluice_[a-z0-9_]+) histogram$/\1/p' "$page" >>"$known"
    done
    [ -s "$known" ] || complain "there is no metric of ours in $*"
    while read -r metric; do
        grep -qx "$metric" "$known" || complain "$metric is named and is on no page"
    done < <(grep -ohE '\bsluice_[a-z0-9_]+' "$rules" "$dashboard" docs/watching.md "$runbooks"/*.md | sort -u)
fi

[ "$failed" = 0 ] && echo "alerts: all well"
exit "$failed"
