"""What the chart renders, held against Kubernetes' schemas and against itself."""

import json
import re
import tomllib
import unittest

import helm_python
import kubernetes_validate
import yaml
from support import CASES, CHART, ROOT, case, changed, notes, objects, only, pod

VERSIONS = ("1.30", "1.37")
NO_SCHEMA = {"HTTPRoute", "ServiceMonitor", "PrometheusRule"}
ONE, MANY, EVERYTHING = (case(name) for name in CASES)
# Objects of Kubernetes that are passed on as they are, and maps of names that are the user's own.
FREE = {"global", "affinity", "extraEnv.valueFrom", "extraVolumeMounts", "objects", "strings", "quantities"}


class Valid(unittest.TestCase):
    def test_the_values_of_each_case_lint_without_a_warning(self):
        for name in CASES:
            for version in VERSIONS:
                found = helm_python.lint(str(CHART), case(name), strict=True, kube_version=f"v{version}.0")
                loud = [each for each in found["messages"] if each["severity"] >= 2]
                self.assertEqual((found["total_charts_linted"], found["errors"], loud), (1, [], []), name)

    def test_every_object_is_valid_for_the_oldest_and_the_newest_kubernetes(self):
        for name in CASES:
            for each in objects(case(name)):
                if each["kind"] in NO_SCHEMA:
                    continue  # looked at by hand
                for version in VERSIONS:
                    with self.subTest(name, kind=each["kind"], version=version):
                        kubernetes_validate.validate(each, version, strict=True)

    def test_the_oldest_kubernetes_is_the_one_that_the_chart_names(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual(chart["kubeVersion"], f">={VERSIONS[0]}.0-0")
        crate = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
        self.assertEqual((chart["version"], chart["appVersion"]), (crate["version"], crate["version"]))

    def test_each_case_renders_its_kinds_and_never_a_secret(self):
        always = ["ConfigMap", "Deployment", "NetworkPolicy", "Service", "Service", "ServiceAccount"]
        for values, more in (
            (ONE, []),
            (MANY, ["Ingress", "PodDisruptionBudget"]),
            (
                EVERYTHING,
                ["ConfigMap", "HTTPRoute", "HorizontalPodAutoscaler", "Ingress", "PodDisruptionBudget", "PrometheusRule", "ServiceMonitor"],
            ),
        ):
            self.assertEqual(sorted(each["kind"] for each in objects(values)), sorted(always + more))

    def test_the_route_leads_to_the_public_service(self):
        route = only(EVERYTHING, "HTTPRoute")
        self.assertEqual(route["apiVersion"], "gateway.networking.k8s.io/v1")
        self.assertEqual(set(route["spec"]), {"parentRefs", "hostnames", "rules"})
        self.assertEqual(route["spec"]["parentRefs"], [{"name": "public", "namespace": "gateways"}])
        self.assertEqual(route["spec"]["hostnames"], ["usage.example.com"])
        rule = {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"name": "usage", "port": 8080}],
        }
        self.assertEqual(route["spec"]["rules"], [rule])

    def test_the_ingress_leads_to_the_public_service(self):
        spec = only(MANY, "Ingress")["spec"]
        self.assertEqual(spec["ingressClassName"], "nginx")
        self.assertEqual(spec["tls"], [{"secretName": "usage-tls", "hosts": ["usage.example.com"]}])
        [rule] = spec["rules"]
        self.assertEqual(rule["host"], "usage.example.com")
        self.assertEqual(rule["http"]["paths"][0]["backend"]["service"], {"name": "demo-sluice", "port": {"name": "http"}})


class Consistent(unittest.TestCase):
    def test_selectors_match_the_pod_and_no_label_is_lost(self):
        for values in (MANY, EVERYTHING, changed(MANY, podLabels={"app.kubernetes.io/name": "x"})):
            labels = pod(values)["metadata"]["labels"]
            deployment = only(values, "Deployment")["spec"]["selector"]["matchLabels"]
            selectors = [each["spec"]["selector"] for each in objects(values) if each["kind"] == "Service"]
            selectors += [only(values, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
            selectors += [only(values, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]]
            spread = pod(values)["spec"]["topologySpreadConstraints"]
            selectors += [each["labelSelector"]["matchLabels"] for each in spread]
            self.assertEqual(len(selectors), 6)
            for selector in selectors:
                self.assertEqual(selector, deployment)
                self.assertLessEqual(selector.items(), labels.items())
            for each in objects(values):
                self.assertLessEqual(deployment.items(), each["metadata"]["labels"].items(), each["kind"])
        self.assertEqual(pod(EVERYTHING)["metadata"]["labels"]["team"], "usage")

    def test_services_lead_to_the_ports_that_the_gateway_opens(self):
        [container] = pod(ONE)["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for suffix, expected in (("-sluice", ("http", 8080)), ("-admin", ("admin", 9090))):
            spec = only(ONE, "Service", suffix)["spec"]
            [port] = spec["ports"]
            self.assertEqual((port["targetPort"], port["port"]), expected)
            self.assertEqual(ports[port["targetPort"]], port["port"])
            self.assertEqual(spec["type"], "ClusterIP")
        self.assertEqual(only(EVERYTHING, "Service", "-admin")["spec"]["type"], "ClusterIP")
        self.assertEqual(only(EVERYTHING, "Service", "usage")["spec"]["type"], "LoadBalancer")
        for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            self.assertEqual(container[probe]["httpGet"], {"path": path, "port": "admin"})

    def test_one_replica_in_memory_is_recreated_and_replicas_with_redis_roll(self):
        self.assertEqual(only(ONE, "Deployment")["spec"]["strategy"], {"type": "Recreate"})
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        self.assertEqual(only(MANY, "Deployment")["spec"]["strategy"], rolling)
        alone = changed(EVERYTHING, autoscaling={"enabled": False}, replicaCount=1)
        self.assertEqual(only(alone, "Deployment")["spec"]["strategy"], rolling)
        self.assertIsNone(only(alone, "PodDisruptionBudget"))
        self.assertIsNone(only(changed(MANY, podDisruptionBudget={"enabled": False}), "PodDisruptionBudget"))

    def test_whoever_scales_it_is_the_only_one_to_say_how_many(self):
        self.assertEqual(only(MANY, "Deployment")["spec"]["replicas"], 3)
        self.assertNotIn("replicas", only(EVERYTHING, "Deployment")["spec"])
        spec = only(EVERYTHING, "HorizontalPodAutoscaler")["spec"]
        self.assertEqual((spec["minReplicas"], spec["maxReplicas"]), (3, 6))
        self.assertEqual(spec["scaleTargetRef"], {"apiVersion": "apps/v1", "kind": "Deployment", "name": "usage"})

    def test_with_a_certificate_the_public_port_is_called_https_wherever_it_is_named(self):
        for values, scheme in ((MANY, "http"), (changed(MANY, tls={"existingSecret": "usage-tls"}), "https")):
            [container] = pod(values)["spec"]["containers"]
            self.assertEqual([port["name"] for port in container["ports"]], [scheme, "admin"])
            [port] = only(values, "Service", "-sluice")["spec"]["ports"]
            named = {"name": scheme, "port": 8080, "targetPort": scheme, "protocol": "TCP", "appProtocol": scheme}
            self.assertEqual(port, named)
            [rule] = only(values, "Ingress")["spec"]["rules"]
            self.assertEqual(rule["http"]["paths"][0]["backend"]["service"]["port"], {"name": scheme})
            [peers] = only(values, "NetworkPolicy")["spec"]["ingress"]
            self.assertEqual(peers["ports"], [{"port": scheme, "protocol": "TCP"}])
            # The admin listener stays plain, and with it the probes.
            [admin] = only(values, "Service", "-admin")["spec"]["ports"]
            self.assertEqual(admin["appProtocol"], "http")
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                self.assertEqual(set(container[probe]["httpGet"]), {"path", "port"})
                self.assertEqual(container[probe]["httpGet"]["port"], "admin")

    def test_the_notes_say_where_to_ask_and_what_is_missing(self):
        self.assertIn("port-forward service/demo-sluice 8080", notes(ONE))
        self.assertIn("the only gateway with its master key", notes(ONE))
        self.assertIn("https://usage.example.com/apps", notes(MANY))
        self.assertNotIn("the only gateway with its master key", notes(MANY))
        self.assertIn("No tenant is configured", notes(changed(ONE, config__tenants=[])))

    def test_the_notes_say_what_a_certificate_asks_of_whatever_leads_to_it(self):
        alone = notes(changed(ONE, tls={"existingSecret": "usage-tls"}))
        self.assertIn("https://NAME-IN-THE-CERTIFICATE/apps", alone)
        self.assertIn("speaks TLS alone", alone)
        for word in ("backend-protocol: HTTPS", "BackendTLSPolicy for the Service"):
            self.assertIn(word, notes(EVERYTHING))
            self.assertNotIn(word, alone)
        self.assertNotIn("TLS", notes(ONE))

    def test_the_notes_say_what_rolls_and_what_is_followed(self):
        for choice, said in (
            ("restart-only", "followed within about a minute, without a rollout; a change of any other"),
            ("always", "A change of `config` rolls the pods."),
            ("never", "No change of `config` rolls the pods."),
        ):
            text = notes(changed(ONE, rolloutOnConfigChange=choice))
            self.assertIn(said, text)
            self.assertEqual("rollout restart" in text, choice == "never")
            self.assertIn("Changed Secrets are followed.", text)
        self.assertIn("but for the URL of Redis", notes(EVERYTHING))

    def test_every_value_is_described_and_no_table_takes_unknown_keys(self):
        def walk(path, node):
            for name, each in node.get("properties", {}).items():
                self.assertTrue(each.get("description"), f"{path}.{name}")
                walk(f"{path}.{name}".lstrip("."), each)
            if "items" in node:
                walk(path, node["items"])
            if node.get("type") == "object" and path not in FREE:
                self.assertIs(node.get("additionalProperties"), False, path)

        schema = json.loads((CHART / "values.schema.json").read_text())
        walk("", schema)
        for name, node in schema["$defs"].items():
            walk(name, node)

    def test_every_value_has_a_default_that_can_be_read_about(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        self.assertEqual(set(values), set(schema["properties"]) - {"global"})


class Restricted(unittest.TestCase):
    def test_the_pod_satisfies_the_restricted_profile(self):
        for values in (ONE, EVERYTHING):
            spec = pod(values)["spec"]
            user = {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532}
            self.assertEqual(spec["securityContext"], {**user, "seccompProfile": {"type": "RuntimeDefault"}})
            self.assertFalse({"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec))
            [container] = spec["containers"]
            self.assertEqual(
                container["securityContext"],
                {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
            )
            self.assertFalse([port for port in container["ports"] if "hostPort" in port])
            for volume in spec["volumes"]:
                self.assertIn((set(volume) - {"name"}).pop(), {"configMap", "secret"})

    def test_no_token_of_the_cluster_and_no_variable_of_a_service_is_in_the_pod(self):
        spec = pod(ONE)["spec"]
        self.assertIs(spec["automountServiceAccountToken"], False)
        self.assertIs(spec["enableServiceLinks"], False)
        account = only(ONE, "ServiceAccount")
        self.assertIs(account["automountServiceAccountToken"], False)
        self.assertEqual(account["metadata"]["name"], spec["serviceAccountName"])
        theirs = changed(ONE, serviceAccount={"create": False, "name": "theirs"})
        self.assertIsNone(only(theirs, "ServiceAccount"))
        self.assertEqual(pod(theirs)["spec"]["serviceAccountName"], "theirs")

    def test_memory_is_limited_and_the_processor_is_not(self):
        resources = pod(ONE)["spec"]["containers"][0]["resources"]
        self.assertEqual(resources["limits"], {"memory": "512Mi"})
        self.assertEqual(set(resources["requests"]), {"cpu", "memory"})

    def test_a_replica_may_drain_before_it_is_killed(self):
        self.assertEqual(pod(ONE)["spec"]["terminationGracePeriodSeconds"], 60)
        self.assertEqual(pod(EVERYTHING)["spec"]["terminationGracePeriodSeconds"], 120)

    def test_an_image_is_named_by_its_digest_or_else_by_its_tag(self):
        def image(values):
            return pod(values)["spec"]["containers"][0]["image"]

        self.assertEqual(image(ONE), "sluice:0.1.0")
        self.assertEqual(image(changed(ONE, image={"tag": "1.2.3"})), "sluice:1.2.3")
        self.assertTrue(re.fullmatch(r"images\.example\.com/sluice@sha256:[0-9a-f]{64}", image(EVERYTHING)))


class Network(unittest.TestCase):
    DNS = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    HTTPS = {"ports": [{"port": 443, "protocol": "TCP"}]}

    def test_alone_it_is_reached_at_its_public_port_and_reaches_names_and_https(self):
        spec = only(ONE, "NetworkPolicy")["spec"]
        self.assertEqual(spec["policyTypes"], ["Ingress", "Egress"])
        self.assertEqual(spec["ingress"], [{"ports": [{"port": "http", "protocol": "TCP"}]}])
        self.assertEqual(spec["egress"], [self.DNS, self.HTTPS])

    def test_the_ports_of_issuers_and_of_the_vendor_are_open(self):
        issuers = [
            {"issuer": "https://sso.example.com:8443/realms/a", "audiences": ["sluice"], "discovery": True},
            {"issuer": "https://b.example.com", "audiences": ["sluice"], "jwks_url": "https://keys.example.com:9443/jwks"},
        ]
        values = changed(ONE, config__issuers=issuers, config__upstream={"endpoint": "https://rtc.example.com:7443"})
        rules = only(values, "NetworkPolicy")["spec"]["egress"]
        self.assertEqual([port["port"] for port in rules[1]["ports"]], [443, 7443, 8443, 9443])

    def test_peers_are_let_in_at_their_port_alone(self):
        public, admin = only(EVERYTHING, "NetworkPolicy")["spec"]["ingress"]
        policy = EVERYTHING["networkPolicy"]
        self.assertEqual(public, {"ports": [{"port": "https", "protocol": "TCP"}], "from": policy["publicPeers"]})
        self.assertEqual(admin, {"ports": [{"port": "admin", "protocol": "TCP"}], "from": policy["adminPeers"]})

    def test_redis_is_reached_at_its_ports(self):
        rules = only(EVERYTHING, "NetworkPolicy")["spec"]["egress"]
        ports = [{"port": 7000, "protocol": "TCP"}, {"port": 7001, "protocol": "TCP"}]
        redis = {"ports": ports, "to": EVERYTHING["networkPolicy"]["redisPeers"]}
        collector = {"ports": [{"port": 4318, "protocol": "TCP"}]}
        self.assertEqual(rules, [self.DNS, self.HTTPS, redis, collector, *EVERYTHING["networkPolicy"]["extraEgress"]])
        for url, expected in (
            ("redis://redis", [6379]),
            ("redis://redis:6379", [6379]),
            ("redis://redis:6380/3", [6379, 6380]),
            ("rediss://[fd00::7]:7000", [6379, 7000]),
            ("redis-cluster://a:7000,b:7001,c", [6379, 7000, 7001]),
            ("redis-sentinel://a,b:26380?master=main", [6379, 26379, 26380]),
        ):
            rule = only(changed(MANY, redis__url=url), "NetworkPolicy")["spec"]["egress"][2]
            self.assertEqual([port["port"] for port in rule["ports"]], expected, url)
            self.assertNotIn("to", rule)

    def test_the_collector_is_reached_at_its_port(self):
        for url, expected in (
            ("http://collector:4318", [4318]),
            ("http://collector", [80]),
            ("http://collector/v1:9/", [80]),
            ("https://collector:4319/otlp", [4319]),
            ("http://[fd00::7]:4318", [4318]),
            ("http://[fd00::7]", [80]),
            ("https://collector", []),
            ("https://collector:443/", []),
        ):
            values = changed(ONE, config__telemetry={"otlp_endpoint": url})
            rules = only(values, "NetworkPolicy")["spec"]["egress"]
            more = [{"ports": [{"port": port, "protocol": "TCP"}]} for port in expected]
            self.assertEqual(rules, [self.DNS, self.HTTPS, *more], url)

    def test_it_can_be_left_out(self):
        self.assertIsNone(only(changed(ONE, networkPolicy={"enabled": False}), "NetworkPolicy"))


if __name__ == "__main__":
    unittest.main()
