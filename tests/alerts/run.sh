#!/usr/bin/env bash
# Checks what watches the gateway: the rules, their tests, their runbooks, the dashboard, and that every metric they name is one
# that a gateway has.
#
#   run.sh SLUICE
set -euo pipefail
sluice=$(realpath "$1")
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

page=$(mktemp) known=$(mktemp)
trap 'rm -f "$page" "$known"' EXIT
python3 -B tests/alerts/page.py "$sluice" >"$page"
promtool check metrics <"$page" || complain "promtool complains about the page of metrics"
# A histogram is named by its buckets in PromQL, and as a whole in prose.
sed -nE 's/^(sluice_[a-z0-9_]+)[{ ].*/\1/p; s/^# TYPE (sluice_[a-z0-9_]+) histogram$/\1/p' "$page" | sort -u >"$known"
while read -r metric; do
    grep -qx "$metric" "$known" || complain "$metric is named, and no gateway tells it"
done < <(grep -ohE '\bsluice_[a-z0-9_]+' "$rules" "$dashboard" docs/watching.md "$runbooks"/*.md | sort -u)
while read -r metric; do
    grep -qF "\`$metric\`" docs/watching.md || complain "docs/watching.md does not tell of $metric"
done < <(sed -nE 's/^# TYPE (sluice_[a-z0-9_]+) .*/\1/p' "$page")

[ "$failed" = 0 ] && echo "alerts: all well"
exit "$failed"
