"""The rendered configuration, read by the gateway itself. SLUICE_BIN names its binary."""

import os
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

import yaml
from support import CASES, CHART, ROOT, case, changed, only, pod

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
DEFAULTS = tomllib.loads((ROOT / "config" / "default.toml").read_text())


def data(values):
    return only(values, "ConfigMap")["data"]


def lay_out(directory, values):
    """What the pod would find under /etc/sluice, below the directory."""
    for path, text in SECRETS.items():
        file = Path(directory, path)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    Path(directory, "config").mkdir()
    for name, text in data(values).items():
        Path(directory, "config", name).write_text(text.replace("/etc/sluice/", f"{directory}/"))


def checked(values):
    """What `sluice check` makes of it."""
    with tempfile.TemporaryDirectory() as directory:
        lay_out(directory, values)
        command = [BINARY, "check", "--config", f"{directory}/config/sluice.toml"]
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
        for section in ("server", "upstream", "budget", "queue", "query", "telemetry"):
            for key, value in wanted[section].items():
                self.assertEqual(shown[section][key], value, f"{section}.{key}")
        self.assertEqual(shown["server"]["listen"], "0.0.0.0:8080")
        self.assertEqual(shown["server"]["admin_listen"], "0.0.0.0:9090")
        self.assertEqual(shown["issuers"][0]["audiences"], ["sluice", 'usage "quoted" & more'])
        self.assertEqual(shown["issuers"][0]["tenant_rules"], [{"value": "/sluice/*", "tenant": "team-*"}])
        self.assertEqual(shown["tenants"], wanted["tenants"])
        self.assertFalse([secret for secret in SECRETS.values() if secret.strip() in out])


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
            self.assertEqual(values[section], {key: DEFAULTS[section][key]})
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
            for section in ("upstream", "budget"):
                named |= {key: path for key, path in written.get(section, {}).items() if key.endswith("_file")}
            self.assertEqual(set(named.values()), set(places))
        self.assertEqual(places["/etc/sluice/redis/ca.pem"], "ca.crt")
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
