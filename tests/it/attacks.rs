//! The catalogue of attacks, over HTTP: tokens that have something wrong with them, each beside a control that is
//! accepted. All of them meet the same 401; which check it was is in the log alone.
//!
//! The stage's own tests name the check for each; these show that nothing else shines through.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm as Signed, EncodingKey, crypto};
use serde_json::{Map, Value, json};
use sluice::auth::Algorithm;

use crate::support::{House, KEYS, Key, Plan, Provider, Reply, now};

const RSA_PRIVATE: &[u8] = include_bytes!("../data/keys/rsa-pkcs8.pem");
const RSA_PUBLIC: &str = include_str!("../data/keys/rsa-public.pem");
const P384_PRIVATE: &[u8] = include_bytes!("../data/keys/p384-pkcs8.pem");

/// What a forger makes tokens from, with the real key where the attack is in what is signed.
struct Forge {
    issuer: String,
    rsa: EncodingKey,
    p256: EncodingKey,
    /// The name of the P-256 key among the published ones.
    key_id: String,
    theirs: Key,
}

/// One attack: its name, the token, and a token that differs in nothing but what is wrong.
struct Attack {
    name: String,
    token: String,
    control: String,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signed(header: &str, payload: &str, key: &EncodingKey, algorithm: Signed) -> String {
    let message = format!("{}.{}", encoded(header), encoded(payload));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn pem(key: &Key) -> EncodingKey {
    use secrecy::ExposeSecret;
    EncodingKey::from_ec_pem(key.0.private_pem.expose_secret().as_bytes()).unwrap()
}

impl Forge {
    fn claims(&self) -> Map<String, Value> {
        let now = now().as_second();
        let claims = json!({
            "iss": self.issuer, "aud": "sluice", "sub": "tester", "tenant": "red",
            "iat": now, "nbf": now, "exp": now + 600,
        });
        claims.as_object().unwrap().clone()
    }

    fn payload(&self) -> String {
        Value::Object(self.claims()).to_string()
    }

    fn header(&self) -> Value {
        json!({"alg": "ES256", "kid": self.key_id, "typ": "JWT"})
    }

    /// What the real key signs.
    fn real(&self, header: &str, payload: &str) -> String {
        signed(header, payload, &self.p256, Signed::ES256)
    }

    fn sound(&self) -> String {
        self.real(&self.header().to_string(), &self.payload())
    }

    fn attack(&self, name: impl Into<String>, token: impl Into<String>) -> Attack {
        Attack { name: name.into(), token: token.into(), control: self.sound() }
    }

    /// The sound header with these members in place of its own.
    fn changed_header(&self, change: &Value) -> String {
        let mut header = self.header();
        for (member, value) in change.as_object().unwrap() {
            header[member] = value.clone();
        }
        header.to_string()
    }

    /// The real key, another header.
    fn with_header(&self, name: &str, change: &Value) -> Attack {
        self.attack(name, self.real(&self.changed_header(change), &self.payload()))
    }

    /// The real key, another claim; `null` takes it out. The control has one that will do in its place.
    fn with_claim(&self, claim: &str, wrong: &Value, right: &Value) -> Attack {
        let token = |value: &Value| {
            let mut claims = self.claims();
            match value {
                Value::Null => claims.remove(claim),
                value => claims.insert(claim.to_owned(), value.clone()),
            };
            self.real(&self.header().to_string(), &Value::Object(claims).to_string())
        };
        Attack { name: format!("{claim}: {wrong}"), token: token(wrong), control: token(right) }
    }

    fn unsigned(&self) -> Vec<Attack> {
        let spellings = (0..16_u8).map(|cases| {
            let cased = |(place, letter): (usize, char)| {
                if cases >> place & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
            };
            "none".chars().enumerate().map(cased).collect::<String>()
        });
        let bodies = |alg: String| {
            let message = format!("{}.{}", encoded(json!({"alg": alg}).to_string()), encoded(self.payload()));
            [format!("{message}."), format!("{message}.AAAA"), message]
        };
        spellings.flat_map(|alg| bodies(alg.clone()).map(|token| self.attack(format!("alg {alg}"), token))).collect()
    }

    /// The public key, which anybody has, taken for a shared secret.
    fn confused(&self) -> Vec<Attack> {
        let body: String = RSA_PUBLIC.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).unwrap();
        let trimmed = RSA_PUBLIC.trim_end().as_bytes().to_vec();
        let mut claims = self.claims();
        claims.insert("iss".to_owned(), json!("https://rsa.test"));
        let payload = Value::Object(claims).to_string();
        let control = signed(r#"{"alg":"RS256"}"#, &payload, &self.rsa, Signed::RS256);
        let mut attacks = Vec::new();
        for (form, secret) in [("PEM", RSA_PUBLIC.as_bytes().to_vec()), ("trimmed PEM", trimmed), ("DER", der)] {
            for algorithm in [Signed::HS256, Signed::HS384, Signed::HS512] {
                let header = format!("{{\"alg\":\"{algorithm:?}\"}}");
                let token = signed(&header, &payload, &EncodingKey::from_secret(&secret), algorithm);
                let name = format!("{algorithm:?} with the public key in {form}");
                attacks.push(Attack { name, token, control: control.clone() });
            }
        }
        attacks
    }

    /// Keys that the token brings or points to, and names that are no names.
    fn of_headers(&self) -> Vec<Attack> {
        let theirs = |change: Value| {
            let token = signed(&self.changed_header(&change), &self.payload(), &pem(&self.theirs), Signed::ES256);
            self.attack(format!("their key and {change:.60}"), token)
        };
        let mut attacks = vec![
            theirs(json!({})),
            theirs(json!({"jwk": self.theirs.0.jwk})),
            theirs(json!({"jwk": self.theirs.0.jwk, "kid": self.theirs.0.key_id})),
            theirs(json!({"jku": format!("{}{KEYS}", self.issuer)})),
            theirs(json!({"x5u": "https://evil.example/chain.pem"})),
            theirs(json!({"x5c": ["MIIB"]})),
            self.with_header("crit of something unknown", &json!({"crit": ["exp"], "exp": 1})),
            self.with_header("empty crit", &json!({"crit": []})),
            self.with_header("b64", &json!({"b64": false})),
            self.with_header("compressed", &json!({"zip": "DEF"})),
            self.with_header("nested by its header", &json!({"cty": "JWT"})),
            self.with_header("another kind of token", &json!({"typ": "logout+jwt"})),
            self.with_header("RS256 with a P-256 key", &json!({"alg": "RS256"})),
            self.with_header("HS256 with a P-256 key", &json!({"alg": "HS256"})),
            self.with_header("ES384 with a P-256 key", &json!({"alg": "ES384"})),
            self.with_header("no such algorithm", &json!({"alg": "ES256K"})),
            self.with_header("an algorithm that is a list", &json!({"alg": ["ES256"]})),
        ];
        let names = ["", "/dev/null", "../../../etc/passwd", "' OR 1=1 --", "x' UNION SELECT 'k", "\u{0}", "{{7*7}}"];
        attacks.extend(names.map(|kid| self.with_header(&format!("kid {kid:?}"), &json!({"kid": kid}))));
        attacks.extend([json!(7), json!(null), json!(["a"]), json!("k".repeat(257))].map(|kid| {
            let name = format!("kid {kid:.20}");
            self.with_header(&name, &json!({"kid": kid}))
        }));
        attacks
    }

    /// Signatures and spellings that are not quite those of the sound token.
    fn of_form(&self) -> Vec<Attack> {
        let sound = self.sound();
        let (message, signature) = sound.rsplit_once('.').unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let with = |name: &str, bytes: Vec<u8>| self.attack(name, format!("{message}.{}", encoded(bytes)));
        let other_curve = signed(
            &self.header().to_string(),
            &self.payload(),
            &EncodingKey::from_ec_pem(P384_PRIVATE).unwrap(),
            Signed::ES384,
        );
        let (twice_header, twice_claim) = (
            format!("{{\"alg\":\"none\",{}", &self.header().to_string()[1..]),
            format!("{{\"tenant\":\"green\",{}", &self.payload()[1..]),
        );
        vec![
            with("a signature of zeros", vec![0; 64]),
            with("a signature of ones", vec![0xff; 64]),
            with("r of zero", [vec![0; 32], vec![1; 32]].concat()),
            with("an empty DER signature", vec![0x30, 0]),
            with("half a signature", URL_SAFE_NO_PAD.decode(signature).unwrap()[..32].to_vec()),
            self.attack("no signature", format!("{message}.")),
            self.attack("two parts", message),
            self.attack("a key on another curve", other_curve),
            self.attack("padded", format!("{sound}==")),
            self.attack("cut by one character", &sound[..sound.len() - 1]),
            self.attack("cut and padded again", format!("{}=", &sound[..sound.len() - 1])),
            self.attack("two characters more", format!("{sound}AA")),
            self.attack("not of this alphabet", format!("{header}.{payload}.{}+/", &signature[..84])),
            self.attack("a header twice", self.real(&twice_header, &self.payload())),
            self.attack("a claim twice", self.real(&self.header().to_string(), &twice_claim)),
            self.attack("a token in a token", self.real(&self.header().to_string(), &sound)),
            self.attack("an encrypted token", format!("{header}.{payload}.{signature}.{payload}.{signature}")),
            self.attack("another payload", {
                let mut claims = self.claims();
                claims.insert("tenant".to_owned(), json!("green"));
                format!("{header}.{}.{signature}", encoded(Value::Object(claims).to_string()))
            }),
            self.attack("24 KiB", "A".repeat(24 * 1024)),
            self.attack("a list", encoded("[]")),
            self.attack("dots", ".."),
        ]
    }

    fn of_claims(&self) -> Vec<Attack> {
        let now = now().as_second();
        let soon = json!(now + 600);
        let mut attacks = Vec::new();
        for wrong in [
            Value::Null,
            json!((now + 600).to_string()),
            json!(600.5),
            json!(-1),
            json!(1e308),
            json!(now - 31),
            json!(true),
            json!([now + 600]),
            json!(i64::MAX),
            json!(now + 25 * 3600),
        ] {
            attacks.push(self.with_claim("exp", &wrong, &soon));
        }
        for (claim, right) in [("nbf", json!(now - 1)), ("iat", json!(now - 1))] {
            for wrong in [json!("0"), json!(-1), json!(1e308), json!(0.5), json!(now + 90)] {
                attacks.push(self.with_claim(claim, &wrong, &right));
            }
        }
        let audiences = json!(["elsewhere", "sluice"]);
        for wrong in [
            Value::Null,
            json!(""),
            json!("sluic"),
            json!("sluice "),
            json!("sluice2"),
            json!("SLUICE"),
            json!([]),
            json!(["elsewhere"]),
            json!(["sluice", 5]),
            json!({"sluice": true}),
            json!("elsewhere sluice"),
        ] {
            attacks.push(self.with_claim("aud", &wrong, &audiences));
        }
        let issuer = json!(self.issuer);
        for wrong in [
            Value::Null,
            json!(format!("{}/", self.issuer)),
            json!(self.issuer.to_uppercase()),
            json!([self.issuer]),
            json!("https://evil.example"),
            json!("https://rsa.test"),
            json!(""),
        ] {
            attacks.push(self.with_claim("iss", &wrong, &issuer));
        }
        for wrong in [Value::Null, json!(""), json!(5)] {
            attacks.push(self.with_claim("sub", &wrong, &json!("somebody")));
        }
        for wrong in [Value::Null, json!(""), json!(5), json!(["red"]), json!("r\u{202e}ed"), json!("r".repeat(129))] {
            attacks.push(self.with_claim("tenant", &wrong, &json!("red")));
        }
        attacks
    }
}

/// All that a refusal shows, but for what is different in every answer.
fn shape(reply: &Reply) -> String {
    let id = reply.header("x-request-id").to_owned();
    let mut headers: Vec<_> = reply.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.retain(|line| !line.starts_with("date:"));
    headers.sort();
    format!("{} {} {}", reply.status, headers.join("\n"), reply.text).replace(&id, "ID")
}

async fn house(provider: &Provider) -> House {
    let issuers = [
        (provider.issuer(), "discovery = true".to_owned()),
        ("https://rsa.test".to_owned(), format!("public_key = \"\"\"{RSA_PUBLIC}\"\"\"")),
    ];
    Plan::default().with_issuers(&issuers).build().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_of_the_catalogue_meets_the_same_401_and_its_control_is_accepted() {
    let provider = Provider::start().await;
    let (key, theirs) = (Key::new(Algorithm::Es256), Key::new(Algorithm::Es256));
    provider.publish(&[&key]);
    let house = house(&provider).await;
    let forge = Forge {
        issuer: provider.issuer(),
        rsa: EncodingKey::from_rsa_pem(RSA_PRIVATE).unwrap(),
        p256: pem(&key),
        key_id: key.0.key_id.clone(),
        theirs,
    };
    let attacks: Vec<_> = [forge.unsigned(), forge.confused(), forge.of_headers(), forge.of_form(), forge.of_claims()]
        .into_iter()
        .flatten()
        .collect();
    assert!(attacks.len() > 130, "{}", attacks.len());
    let mut first = None;
    for Attack { name, token, control } in &attacks {
        let refused = house.bearer(&**token).get("/apps").await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "unauthorized"), "{name}");
        let shape = shape(&refused);
        assert_eq!(first.get_or_insert_with(|| shape.clone()), &shape, "{name}");
        assert_eq!(house.bearer(&**control).get("/apps").await.status, 200, "the control of {name}");
    }
    assert_eq!(provider.asked(KEYS), 2, "the names of unknown keys cost one look");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_mebibyte_does_not_get_past_the_head() {
    let house = Plan::default().build().await;
    let reply = house.bearer("A".repeat(1 << 20)).try_send("GET", "/apps", "").await.ok();
    // The server may close while the client still writes; what it must not do is read on.
    assert!(reply.is_none_or(|reply| reply.status == 431), "a head is at most 32 KiB");
    assert_eq!(house.asker("red").get("/apps").await.status, 200);
}
