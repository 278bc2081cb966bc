"""What the chart refuses, and what it says to do instead."""

import unittest

import helm_python
from support import CHART, case, changed, refusal, texts

ONE = case("one")
MANY = case("many")
ISSUER = ONE["config"]["issuers"][0]


def issuer(**keys):
    return changed(ONE, config__issuers=[ISSUER, {"issuer": "other", "audiences": ["sluice"], **keys}])


def hpa(**keys):
    return changed(MANY, autoscaling={"enabled": True, **keys})


def scraped(**keys):
    values = changed(ONE, networkPolicy={"adminPeers": [{"podSelector": {}}]})
    return changed(values, monitoring={"serviceMonitor": {"enabled": True, **keys}})


PEER = {"name": "v", "mountPath": "/srv/x"}
NOT_HERE = "does not belong in a ConfigMap: put it into a Secret"
IN_AN_ISSUER = "does not belong in a ConfigMap: mount a Secret by extraSecrets"
BY_REDIS = "is set by the chart: use redis.url, or redis.existingSecret and redis.keys"
BY_TLS = "is set by the chart: put certificate and key into a Secret of the type kubernetes.io/tls, and name that in tls.existingSecret"
COVERED = "would cover what the chart or the image has there: mount it elsewhere"

CONTRADICTIONS = {
    "no Secret of the master key": (changed(ONE, upstream={}), "upstream.existingSecret is missing: create a Secret"),
    "no issuers": (changed(ONE, config__issuers=[]), "config.issuers is empty, and no token could be believed: describe"),
    "replicas without Redis": (changed(ONE, replicaCount=2), "replicaCount is 2 without Redis, and each replica would spend the whole budget: set redis.url"),
    "autoscaling without Redis": (changed(ONE, autoscaling={"enabled": True}), "autoscaling is enabled without Redis, and each replica would spend the whole budget: set redis.url"),
    "fewest above most": (hpa(minReplicas=5, maxReplicas=4), "minReplicas is 5, more than autoscaling.maxReplicas, 4: exchange them"),
    "autoscaling by no request": (changed(hpa(), resources={"requests": {"cpu": None}}), "resources.requests.cpu, which is missing: set it"),
    "a disruption budget of none": (changed(MANY, podDisruptionBudget__maxUnavailable=0), "maxUnavailable is 0, and no node could ever be drained: set it to 1"),
    "a disruption budget of all": (changed(MANY, podDisruptionBudget__maxUnavailable=3), "maxUnavailable is 3 of 3 replicas, and protects none: set it to 1"),
    "an Ingress of every host": (changed(ONE, ingress__enabled=True), "ingress is enabled and would take every host: name the gateway's own in ingress.hosts"),
    "a route of every host": (changed(ONE, httpRoute={"enabled": True, "parentRefs": [{"name": "g"}]}), "httpRoute is enabled and would take every host: name the gateway's own in httpRoute.hostnames"),
    "a route on no Gateway": (changed(ONE, httpRoute={"enabled": True, "hostnames": ["a.example.com"]}), "hangs on no Gateway: name one in httpRoute.parentRefs"),
    "a grace shorter than the drain": (changed(ONE, config__server={"drain": "1m"}), "terminationGracePeriodSeconds is 60, and a replica would be killed while it drains: set it to at least 77"),
    "a grace shorter by hours": (changed(ONE, config__server={"drain": "1h"}), "set it to at least 3617"),
    "a grace shorter by a call": (changed(ONE, config__upstream={"timeout": "23001ms"}), "set it to at least 61"),
    "memory for less than the cache": (changed(ONE, config__cache={"max_bytes": "1GiB"}), "resources.limits.memory is 512Mi, and a full cache would have the pod killed: allow at least 128Mi more than config.cache.max_bytes, which is 1GiB"),
    "memory for less than a cache in bytes": (changed(ONE, config__cache={"max_bytes": 536870912}), "config.cache.max_bytes, which is 536870912"),
    "another port": (changed(ONE, config__server={"listen": "0.0.0.0:80"}), "config.server.listen is 0.0.0.0:8080 in a pod: leave it out"),
    "another admin port": (changed(ONE, config__server={"admin_listen": "127.0.0.1:9090"}), "config.server.admin_listen is 0.0.0.0:9090 in a pod"),
    "a file of tenants": (changed(ONE, config__tenants_file="x"), "config.tenants_file is set by the chart: write the tenants under config.tenants"),
    "the id of the key": (changed(ONE, config__upstream={"access_key_id": "x"}), f"config.upstream.access_key_id {NOT_HERE}"),
    "the key": (changed(ONE, config__upstream={"secret_access_key": "x"}), f"config.upstream.secret_access_key {NOT_HERE}"),
    "a session token": (changed(ONE, config__upstream={"session_token": "x"}), f"config.upstream.session_token {NOT_HERE}"),
    "a file of the key": (changed(ONE, config__upstream={"secret_access_key_file": "/x"}), f"config.upstream.secret_access_key {NOT_HERE}"),
    "Redis in the configuration": (changed(ONE, config__budget={"redis_url": "redis://a"}), f"config.budget.redis_url {BY_REDIS}"),
    "a password of Redis": (changed(ONE, config__budget={"redis_password": "x"}), f"config.budget.redis_password {BY_REDIS}"),
    "authorities of Redis": (changed(ONE, config__budget={"redis_ca_file": "/x"}), f"config.budget.redis_ca {BY_REDIS}"),
    "a certificate": (changed(ONE, config__server={"tls_cert_file": "/x"}), f"config.server.tls_cert_file {BY_TLS}"),
    "a certificate's key beside a Secret": (changed(ONE, tls={"existingSecret": "t"}, config__server={"tls_key_file": "/x"}), f"config.server.tls_key_file {BY_TLS}"),
    "a password in the URL": (changed(MANY, redis__url="rediss://team:hunter2@redis:6379"), "redis.url holds a password, and would stand in a ConfigMap: put the URL into a Secret"),
    "a password without a user": (changed(MANY, redis__url="redis://:hunter2@redis"), "redis.url holds a password"),
    "two URLs": (changed(MANY, redis={"url": "redis://a", "existingSecret": "r", "keys": {"url": "u"}}), "redis.url and redis.keys.url both say where Redis is: keep one"),
    "a Secret without a URL": (changed(ONE, redis={"existingSecret": "r", "keys": {"password": "p"}}), "redis.existingSecret is there, and the URL is not: name its key in redis.keys.url"),
    "a Secret for nothing": (changed(MANY, redis__existingSecret="r"), "nothing is taken from it: name at least one key in redis.keys"),
    "keys of no Secret": (changed(MANY, redis__keys={"password": "p"}), "redis.keys names keys of no Secret: name the Secret in redis.existingSecret"),
    "a secret of an issuer": (issuer(secret="x"), f"config.issuers[1].secret {IN_AN_ISSUER}"),
    "a signing key": (issuer(signing_key="x"), f"config.issuers[1].signing_key {IN_AN_ISSUER}"),
    "a file that is not there": (issuer(secret_file="/etc/sluice/sso/batch"), "config.issuers[1] names the file /etc/sluice/sso/batch, which is not in the pod: mount what holds it by extraSecrets"),
    "a record that nothing holds": (changed(ONE, config__audit={"file": "/var/lib/sluice/a"}), "config.audit.file is /var/lib/sluice/a, and the pod cannot write there: mount a volume"),
    "a record where nothing may be written": (changed(ONE, config__audit={"file": "/srv/x/a"}, extraVolumeMounts=[{**PEER, "readOnly": True}]), "config.audit.file is /srv/x/a, and the pod cannot write there"),
    "a variable over the configuration": (changed(ONE, extraEnv=[{"name": "SLUICE_BUDGET__CALLS", "value": "9"}]), "extraEnv sets SLUICE_BUDGET__CALLS, which would overrule the configuration unseen by these checks: write it under config"),
    "a subPath": (changed(ONE, extraVolumeMounts=[{**PEER, "subPath": "x"}]), "extraVolumeMounts has a subPath for /srv/x, which never sees a change: mount the directory"),
    "a mount over the configuration": (changed(ONE, extraSecrets=[{"name": "s", "mountPath": "/etc/sluice/config"}]), f"/etc/sluice/config {COVERED}"),
    "a mount over the certificate": (changed(ONE, extraSecrets=[{"name": "s", "mountPath": "/etc/sluice/tls"}]), f"/etc/sluice/tls {COVERED}"),
    "a scrape that nobody is let in for": (changed(ONE, monitoring={"serviceMonitor": {"enabled": True}}), "monitoring.serviceMonitor is enabled, and the network policy lets nobody reach 9090: name Prometheus's pods in networkPolicy.adminPeers"),
    "a scrape longer than its interval": (scraped(interval="5s", scrapeTimeout="5001ms"), "scrapeTimeout is 5001ms, longer than its interval, 5s, and the operator would pass over it: make it shorter"),
    "scrapes too seldom for the rules": (changed(scraped(interval="31s"), monitoring__prometheusRule={"enabled": True}), "interval is 31s, and the rules look at windows of a minute, with two scrapes in each: set it to 30s at most"),
    "a mount over all of it": (changed(ONE, extraVolumeMounts=[{"name": "s", "mountPath": "/etc/sluice/"}]), f"/etc/sluice/ {COVERED}"),
}

UNKNOWN = {
    "replicas": (changed(ONE, replicas=2), "replicas"),
    "a section": (changed(ONE, config__sever={}), "sever"),
    "a key of a section": (changed(ONE, config__server={"drian": "30s"}), "drian"),
    "a key of names": (changed(ONE, config__upstream={"names": {"city": "x"}}), "city"),
    "a key of an issuer": (issuer(audience="x"), "audience"),
    "a key of a tenant": (changed(ONE, config__tenants=[{"id": "a", "rate": 1}]), "rate"),
    "a key of an app": (changed(ONE, config__tenants=[{"id": "a", "apps": [{"name": "a", "app_id": "a", "id": 1}]}]), "id"),
    "a key of the Secret": (changed(ONE, upstream__keys={"accessKeyID": "x"}), "accessKeyID"),
    "a key of the certificate's Secret": (changed(ONE, tls={"secretName": "t"}), "secretName"),
    "a key of a ServiceMonitor": (scraped(path="/metrics"), "path"),
    "a key of autoscaling": (hpa(max=3), "max"),
}

ILL_TYPED = {
    "an AppId of digits": (changed(ONE, config__tenants=[{"id": "a", "apps": [{"name": "a", "app_id": 661}]}]), "app_id"),
    "a duration without unit": (changed(ONE, config__server={"drain": "30"}), "drain"),
    "a duration of Go": (changed(ONE, config__server={"drain": "1m30s"}), "drain"),
    "a number as text": (changed(ONE, config__budget={"calls": "2"}), "calls"),
    "a URL of something else": (changed(ONE, redis__url="http://redis"), "url"),
    "a rollout that is yes or no": (changed(ONE, rolloutOnConfigChange=True), "rolloutOnConfigChange"),
    "a key of the certificate without a name": (changed(ONE, tls={"existingSecret": "t", "keys": {"certificate": ""}}), "certificate"),
    "a collector without a scheme": (changed(ONE, config__telemetry={"otlp_endpoint": "collector:4318"}), "otlp_endpoint"),
    "a collector with a password": (changed(ONE, config__telemetry={"otlp_endpoint": "http://me:x@collector"}), "otlp_endpoint"),
    "runbooks that are nowhere": (changed(ONE, monitoring={"prometheusRule": {"runbookUrl": "docs/runbooks"}}), "runbookUrl"),
    "a digest that is none": (changed(ONE, image__digest="latest"), "digest"),
}


class Refused(unittest.TestCase):
    def test_a_contradiction_is_refused_with_a_sentence_that_says_what_to_do(self):
        for what, (values, sentence) in CONTRADICTIONS.items():
            with self.subTest(what):
                said = refusal(values)
                self.assertIn(sentence, said)
                self.assertEqual(said.count("\n* "), 1, said)

    def test_all_contradictions_are_told_at_once(self):
        said = refusal(changed(ONE, upstream={}, config={}, replicaCount=3))
        for sentence in ("upstream.existingSecret is missing", "config.issuers is empty", "replicaCount is 3"):
            self.assertIn(sentence, said)

    def test_a_refusal_does_not_repeat_a_secret(self):
        for what in ("a password in the URL", "a password without a user"):
            self.assertNotIn("hunter2", refusal(CONTRADICTIONS[what][0]))

    def test_an_unknown_key_is_refused_at_any_depth(self):
        for what, (values, key) in UNKNOWN.items():
            with self.subTest(what):
                self.assertIn(f"additional properties '{key}' not allowed", refusal(values))

    def test_a_value_of_the_wrong_kind_is_refused(self):
        for what, (values, key) in ILL_TYPED.items():
            with self.subTest(what):
                self.assertRegex(refusal(values), rf"/{key}'")

    def test_what_is_just_enough_is_rendered(self):
        for values in (
            changed(ONE, config__server={"drain": "43s"}),
            changed(ONE, config__upstream={"timeout": "23000ms"}),
            changed(ONE, config__cache={"max_bytes": "384MiB"}),
            changed(ONE, config__server={"listen": "0.0.0.0:8080", "admin_listen": "0.0.0.0:9090"}),
            changed(MANY, redis__url="rediss://team@redis:6379"),
            changed(MANY, podDisruptionBudget__maxUnavailable=2),
            changed(ONE, podDisruptionBudget__maxUnavailable=1),
            changed(ONE, replicaCount=0),
            hpa(minReplicas=2, maxReplicas=2),
            changed(ONE, monitoring={"serviceMonitor": {"enabled": True}}, networkPolicy={"enabled": False}),
            changed(scraped(interval="30s", scrapeTimeout="30s"), monitoring__prometheusRule={"enabled": True}),
            scraped(interval="1m"),
        ):
            texts(values)

    def test_without_values_it_says_what_is_required(self):
        with helm_python.Chart.load(str(CHART)) as chart:
            with self.assertRaisesRegex(helm_python.HelmError, "upstream.existingSecret is missing"):
                chart.render({}, name="demo", namespace="prod")


if __name__ == "__main__":
    unittest.main()
