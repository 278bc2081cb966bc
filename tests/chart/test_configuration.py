"""The rendered configuration, read by the gateway itself. SLUICE_BIN names its binary."""

import functools
import os
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

import yaml
from support import CASES, CHART, ROOT, case, changed, checksum, objects, only, pod

BINARY = os.environ.get("SLUICE_BIN", str(ROOT / "target" / "debug" / "sluice"))
ONE, MANY, EVERYTHING = (case(name) for name in CASES)
# What the Secrets hold, by the paths at which the chart mounts them.
SECRETS = {
    "upstream/access_key_id": "AKexample",
    "upstream/secret_access_key": "c2VjcmV0",
    "upstream/session_token": "STSexample",
    "redis/url": "rediss://redis.data:6379",
    "redis/password": "hunter2",
    "redis/ca.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "sso/batch": "0123456789abcdef" * 4,
}
# A certificate has to fit its key, so they are made anew; the gateway's own tests need the same program.
OPENSSL = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=usage -keyout tls.key -out tls.crt"
DEFAULTS = tomllib.loads((ROOT / "config" / "default.toml").read_text())


def data(values):
    [found] = [each["data"] for each in objects(values) if "sluice.toml" in each.get("data", {})]
    return found


def lay_out(directory, values):
    """What the pod would find under /etc/sluice, below the directory."""
    for path, text in SECRETS.items():
        file = Path(directory, path)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    for name, text in certificate().items():
        Path(directory, "tls").mkdir(exist_ok=True)
        Path(directory, "tls", name).write_text(text)
    Path(directory, "config").mkdir()
    for name, text in data(values).items():
        Path(directory, "config", name).write_text(text.replace("/etc/sluice/", f"{directory}/"))


@functools.cache
def certificate():
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(OPENSSL.split(), cwd=directory, check=True, capture_output=True, timeout=30)
        return {name: Path(directory, name).read_text() for name in ("tls.crt", "tls.key")}


def checked(values, against=None):
    """What `sluice check` makes of it; of other values that run now, what would change."""
    with tempfile.TemporaryDirectory() as directory:
        lay_out(directory, values)
        command = [BINARY, "check", "--config", f"{directory}/config/sluice.toml"]
        if against is not None:
            running = Path(directory, "config", "running.toml")
            texts = {name: text.replace("/etc/sluice/", f"{directory}/") for name, text in data(against).items()}
            running.write_text(texts["sluice.toml"].replace('"tenants.toml"', '"running-tenants.toml"'))
            Path(directory, "config", "running-tenants.toml").write_text(texts.get("tenants.toml", ""))
            command += ["--against", str(running)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SLUICE_")}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
        return done.returncode, done.stdout, done.stderr


class Accepted(unittest.TestCase):
    def test_the_gateway_accepts_the_configuration_of_each_case(self):
        for name in CASES:
            with self.subTest(name):
                code, out, err = checked(case(name))
                self.assertEqual(code, 0, err + out)

    def test_a_mistake_that_only_the_gateway_knows_is_found_by_it(self):
        code, _, err = checked(changed(ONE, config__query={"zone": "Nowhere/At_All"}))
        self.assertEqual(code, 78)
        self.assertIn("query.zone", err)

    def test_what_was_asked_for_is_what_would_run(self):
        code, out, err = checked(EVERYTHING)
        self.assertEqual(code, 0, err)
        shown = tomllib.loads(out)
        wanted = EVERYTHING["config"]
        for section in ("server", "upstream", "budget", "queue", "query", "audit", "telemetry"):
            for key, value in wanted[section].items():
                self.assertEqual(shown[section][key], value, f"{section}.{key}")
        self.assertEqual(shown["server"]["listen"], "0.0.0.0:8080")
        self.assertEqual(shown["server"]["admin_listen"], "0.0.0.0:9090")
        self.assertEqual(shown["issuers"][0]["audiences"], ["sluice", 'usage "quoted" & more'])
        self.assertEqual(shown["issuers"][0]["tenant_rules"], [{"value": "/sluice/*", "tenant": "team-*"}])
        self.assertEqual(shown["tenants"], wanted["tenants"])
        self.assertTrue(shown["server"]["tls_cert_file"].endswith("/tls/tls.crt"))
        self.assertTrue(shown["server"]["tls_key_file"].endswith("/tls/tls.key"))
        self.assertFalse([secret for secret in SECRETS.values() if secret.strip() in out])


class Rolled(unittest.TestCase):
    def test_the_pods_roll_exactly_for_what_the_gateway_would_not_apply_at_once(self):
        # Room for the larger cache and the longer drain of the other case.
        room = {key: EVERYTHING[key] for key in ("resources", "terminationGracePeriodSeconds")}
        now = changed(ONE, **room)
        wanted = EVERYTHING["config"]
        changes = {("issuers",): wanted["issuers"][:1], ("tenants",): wanted["tenants"]}
        for section in ("server", "upstream", "budget", "queue", "cache", "query", "audit", "telemetry"):
            changes |= {(section, key): value for key, value in wanted[section].items()}
        seen = {"a reload changes:": 0, "after a restart:": 0}
        for path, value in changes.items():
            values = changed(now, **{"__".join(("config", *path)): value})
            code, out, err = checked(values, against=now)
            self.assertEqual(code, 0, err)
            if "nothing would change" in out:
                continue  # the default, written out
            for title in seen:
                seen[title] += title in out
            self.assertNotEqual("a reload changes:" in out, "after a restart:" in out, out)
            self.assertEqual(checksum(values) != checksum(now), "after a restart:" in out, path)
        self.assertEqual(seen["a reload changes:"], 3)
        self.assertGreaterEqual(seen["after a restart:"], 12)

    def test_moving_to_tls_takes_new_pods_and_another_secret_of_it_mounts_that(self):
        values = changed(ONE, tls={"existingSecret": "usage-tls"})
        self.assertEqual(checked(values)[0], 0)
        self.assertNotEqual(checksum(values), checksum(ONE))
        other = changed(ONE, tls={"existingSecret": "other-tls"})
        self.assertEqual(checksum(values), checksum(other))
        self.assertNotEqual(pod(values)["spec"]["volumes"], pod(other)["spec"]["volumes"])

    def test_where_redis_is_waits_for_new_pods(self):
        moved = changed(MANY, redis__url="redis://redis.other:6380")
        self.assertIn("after a restart:", checked(moved, against=MANY)[1])
        self.assertNotEqual(checksum(moved), checksum(MANY))

    def test_how_much_rolls_can_be_chosen(self):
        follow = {"config__tenants": [{"id": "a"}]}
        restart = {"config__queue": {"max_wait": "1s"}}
        for choice, rolled in (("restart-only", (False, True)), ("always", (True, True)), ("never", (False, False))):
            now = changed(ONE, rolloutOnConfigChange=choice)
            sums = [checksum(changed(now, **change)) for change in (follow, restart)]
            self.assertEqual(tuple(each != checksum(now) for each in sums), rolled, choice)
            if choice == "never":
                self.assertIsNone(checksum(now))
            else:
                self.assertRegex(checksum(now), r"^[0-9a-f]{64}$")
            self.assertEqual(checksum(now), checksum(changed(now, podLabels={"a": "b"})))
        self.assertEqual(checksum(ONE), checksum(changed(ONE, rolloutOnConfigChange="restart-only")))


class Written(unittest.TestCase):
    def test_integers_stay_integers_however_large(self):
        values = changed(ONE, config__cache={"max_bytes": 100000001}, config__budget={"calls": 2})
        written = tomllib.loads(data(values)["sluice.toml"])
        for value, expected in ((written["cache"]["max_bytes"], 100000001), (written["budget"]["calls"], 2)):
            self.assertEqual((value, type(value)), (expected, int))
        rate = tomllib.loads(data(EVERYTHING)["tenants.toml"])["tenants"][0]["burst"]
        self.assertEqual((rate, type(rate)), (1000000, int))

    def test_any_text_survives(self):
        odd = ['a "b" \\ c', "line\nbreak\ttab", "<&>", "{{ .Values }}", "上海 😀", "# no comment", "'''"]
        written = tomllib.loads(data(changed(ONE, config__server={"token_headers": odd}))["sluice.toml"])
        self.assertEqual(written["server"]["token_headers"], odd)

    def test_an_inline_public_key_is_one_string(self):
        pem = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"
        issuers = [{"issuer": "a", "audiences": ["b"], "public_key": pem}]
        written = tomllib.loads(data(changed(ONE, config__issuers=issuers))["sluice.toml"])
        self.assertEqual(written["issuers"], issuers)

    def test_without_tenants_there_is_no_file_of_them(self):
        values = changed(ONE, config__tenants=[])
        self.assertEqual(set(data(values)), {"sluice.toml"})
        self.assertNotIn("tenants_file", tomllib.loads(data(values)["sluice.toml"]))
        self.assertEqual(set(data(ONE)), {"sluice.toml", "tenants.toml"})

    def test_defaults_that_the_chart_reckons_with_are_the_gateways(self):
        values = yaml.safe_load((CHART / "values.yaml").read_text())["config"]
        for section, key in (("server", "drain"), ("upstream", "timeout"), ("cache", "max_bytes")):
            self.assertEqual(values[section][key], DEFAULTS[section][key])
        bare = changed(ONE, config__server={"drain": None}, config__upstream={"timeout": None}, config__cache={"max_bytes": None})
        written = tomllib.loads(data(bare)["sluice.toml"])
        self.assertNotIn("drain", written["server"])
        self.assertNotIn("cache", written)

    def test_every_key_that_has_a_default_can_be_set(self):
        known = EVERYTHING["config"]
        for section, keys in DEFAULTS.items():
            self.assertEqual(set(keys) - set(known[section]) - {"listen", "admin_listen"}, set(), section)


class Mounted(unittest.TestCase):
    def test_each_file_that_the_configuration_names_is_mounted_from_its_secret(self):
        for values in (ONE, MANY, EVERYTHING):
            spec = pod(values)["spec"]
            volumes = {volume["name"]: volume for volume in spec["volumes"]}
            places = {}
            for mount in spec["containers"][0]["volumeMounts"]:
                self.assertNotIn("subPath", mount)
                self.assertTrue(mount["readOnly"])
                items = volumes[mount["name"]].get("secret", {}).get("items", [])
                places |= {f"{mount['mountPath']}/{item['path']}": item["key"] for item in items}
            written = tomllib.loads(data(values)["sluice.toml"])
            named = {}
            for section in ("server", "upstream", "budget"):
                named |= {key: path for key, path in written.get(section, {}).items() if key.endswith("_file")}
            self.assertEqual(set(named.values()), set(places))
        self.assertEqual(places["/etc/sluice/redis/ca.pem"], "ca.crt")
        self.assertEqual(places["/etc/sluice/tls/tls.crt"], "cert.pem")
        self.assertEqual(places["/etc/sluice/tls/tls.key"], "key.pem")
        self.assertEqual(volumes["tls"]["secret"]["secretName"], "usage-tls")
        self.assertEqual(volumes["extra-secret-0"]["secret"]["secretName"], "sso-keys")

    def test_the_gateway_starts_with_the_mounted_configuration(self):
        spec = pod(ONE)["spec"]
        [container] = spec["containers"]
        self.assertEqual(container["args"], ["serve", "--config", "/etc/sluice/config/sluice.toml"])
        mount = next(each for each in container["volumeMounts"] if each["name"] == "config")
        self.assertEqual(mount["mountPath"], "/etc/sluice/config")
        volume = next(each for each in spec["volumes"] if each["name"] == "config")
        self.assertEqual(volume["configMap"], {"name": only(ONE, "ConfigMap")["metadata"]["name"]})


if __name__ == "__main__":
    unittest.main()
