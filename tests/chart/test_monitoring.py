"""What Prometheus and Grafana are given. There is no schema of these kinds to hold them against, so they are spelled out."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import yaml
from support import CHART, case, changed, objects, only, refusal, texts

ONE, EVERYTHING = case("one"), case("everything")
RULES = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
DASHBOARD = (CHART / "files" / "dashboard.json").read_text()


def labels(values, kind, suffix=""):
    return only(values, kind, suffix)["metadata"]["labels"]


def rules_with(**keys):
    return only(changed(ONE, monitoring={"prometheusRule": {"enabled": True, **keys}}), "PrometheusRule")


def alerts(groups):
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


class Scraped(unittest.TestCase):
    def test_the_admin_port_of_every_replica_is_scraped_and_named_after_the_gateway(self):
        monitor = only(EVERYTHING, "ServiceMonitor")
        self.assertEqual(monitor["apiVersion"], "monitoring.coreos.com/v1")
        endpoint = {
            "port": "admin",
            "path": "/metrics",
            "interval": "30s",
            "scrapeTimeout": "5s",
            "relabelings": [{"targetLabel": "job", "replacement": "usage"}],
        }
        self.assertEqual(monitor["spec"]["endpoints"], [endpoint])
        self.assertEqual(set(monitor["spec"]), {"selector", "endpoints"})
        self.assertEqual(monitor["metadata"]["labels"]["release"], "prometheus")

    def test_it_selects_the_admin_service_and_not_the_public_one(self):
        selector = only(EVERYTHING, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
        services = [each for each in objects(EVERYTHING) if each["kind"] == "Service"]
        [found] = [each for each in services if selector <= each["metadata"]["labels"].items()]
        self.assertEqual(found["metadata"]["name"], "usage-admin")
        [port] = found["spec"]["ports"]
        self.assertEqual(port["name"], "admin")

    def test_without_a_word_it_is_scraped_every_15_seconds_and_labels_are_added(self):
        values = changed(ONE, monitoring={"serviceMonitor": {"enabled": True}}, networkPolicy={"enabled": False})
        [endpoint] = only(values, "ServiceMonitor")["spec"]["endpoints"]
        self.assertEqual(endpoint["interval"], "15s")
        self.assertNotIn("scrapeTimeout", endpoint)
        theirs = changed(values, monitoring__serviceMonitor__labels={"app.kubernetes.io/name": "x", "team": "usage"})
        self.assertEqual(labels(theirs, "ServiceMonitor"), {**labels(values, "ServiceMonitor"), "team": "usage"})

    def test_who_scrapes_is_let_in_at_the_admin_port_alone(self):
        rules = only(EVERYTHING, "NetworkPolicy")["spec"]["ingress"]
        admin = [rule for rule in rules if {"port": "admin", "protocol": "TCP"} in rule["ports"]]
        peers = EVERYTHING["networkPolicy"]["adminPeers"]
        self.assertEqual(admin, [{"ports": [{"port": "admin", "protocol": "TCP"}], "from": peers}])


class Alerted(unittest.TestCase):
    def test_the_rules_are_those_of_the_file_and_lead_to_no_page_where_none_is_named(self):
        expected = json.loads(json.dumps(RULES["groups"]))
        for alert in alerts(expected):
            del alert["annotations"]["runbook_url"]
        self.assertEqual(rules_with()["spec"], {"groups": expected})
        self.assertEqual(rules_with()["apiVersion"], "monitoring.coreos.com/v1")
        self.assertGreater(len(alerts(RULES["groups"])), 10)

    def test_what_is_written_for_prometheus_survives(self):
        rendered = [rule["annotations"]["summary"] for rule in alerts(rules_with()["spec"]["groups"])]
        self.assertTrue([text for text in rendered if "{{ $labels.job }}" in text])
        self.assertTrue([text for text in rendered if "{{ $value | humanizePercentage }}" in text])
        self.assertFalse([text for text in rendered if text.count("{{") != text.count("}}")])

    def test_runbooks_are_found_where_they_are_said_to_be_and_nothing_else_changes(self):
        for url in ("https://docs.example.com/runbooks", "https://docs.example.com/runbooks/"):
            groups = rules_with(runbookUrl=url)["spec"]["groups"]
            expected = json.loads(
                json.dumps(RULES["groups"]).replace('"docs/runbooks/', '"https://docs.example.com/runbooks/')
            )
            self.assertEqual(groups, expected)
            self.assertNotEqual(groups, RULES["groups"])
            for alert in alerts(groups):
                self.assertRegex(alert["annotations"]["runbook_url"], r"^https://docs\.example\.com/runbooks/[a-z-]+\.md$")

    def test_labels_are_added(self):
        self.assertEqual(labels(EVERYTHING, "PrometheusRule")["release"], "prometheus")
        self.assertNotIn("release", rules_with()["metadata"]["labels"])


class Shown(unittest.TestCase):
    def test_the_dashboard_is_that_of_the_file(self):
        data = only(EVERYTHING, "ConfigMap", "-dashboard")["data"]
        self.assertEqual(data, {"sluice.json": DASHBOARD.strip() + "\n"})
        self.assertEqual(json.loads(data["sluice.json"])["title"], "Sluice")
        # Whatever is written into a cluster may weigh 1 MiB; with room for its own fields.
        self.assertLess(len(DASHBOARD.encode()), 900_000)

    def test_grafana_finds_it_by_its_label_and_is_told_the_folder(self):
        values = changed(ONE, monitoring={"dashboard": {"enabled": True}})
        self.assertEqual(labels(values, "ConfigMap", "-dashboard")["grafana_dashboard"], "1")
        self.assertNotIn("annotations", only(values, "ConfigMap", "-dashboard")["metadata"])
        self.assertEqual(labels(EVERYTHING, "ConfigMap", "-dashboard")["grafana_dashboard"], "yes")
        annotations = {"example.com/owner": "usage", "grafana_folder": "Usage"}
        self.assertEqual(only(EVERYTHING, "ConfigMap", "-dashboard")["metadata"]["annotations"], annotations)


class Whole(unittest.TestCase):
    def test_each_is_made_by_its_own_switch_alone(self):
        usual = sorted(each["kind"] for each in objects(ONE))
        for switch, kind in (("serviceMonitor", "ServiceMonitor"), ("prometheusRule", "PrometheusRule"), ("dashboard", "ConfigMap")):
            values = changed(ONE, networkPolicy={"adminPeers": [{"podSelector": {}}]}, monitoring={switch: {"enabled": True}})
            self.assertEqual(sorted(each["kind"] for each in objects(values)), sorted([*usual, kind]))

    def test_a_chart_without_its_files_says_which_it_lacks_and_needs_none_that_is_off(self):
        with tempfile.TemporaryDirectory() as directory:
            copy = Path(directory, "helm")
            shutil.copytree(CHART, copy)
            shutil.rmtree(copy / "files")
            for switch, file in (("prometheusRule", "alerts.yaml"), ("dashboard", "dashboard.json")):
                said = refusal(changed(ONE, monitoring={switch: {"enabled": True}}), copy)
                sentence = f"monitoring.{switch} is enabled, and this copy of the chart lacks files/{file}: take the chart whole"
                self.assertIn(sentence, said)
                self.assertEqual(said.count("\n* "), 1, said)
            self.assertIn("kind: Deployment", "".join(texts(ONE, copy).values()))


if __name__ == "__main__":
    unittest.main()
