//! The `Authorization` header → its parts, or the vendor's reason to refuse.

use http::HeaderMap;

use super::codes::Refusal;
use super::settings::Settings;

/// The only algorithm, as it is named in headers and in the text that is signed.
pub(super) const ALGORITHM: &str = "HMAC-SHA256";
/// The last word of every credential.
pub(super) const TERMINATOR: &str = "request";

/// `HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
pub(super) struct Authorization<'a> {
    pub(super) credential: Credential<'a>,
    /// The names of the signed headers, in the order the call gives them.
    pub(super) signed: Vec<&'a str>,
    /// Hexadecimal.
    pub(super) signature: &'a str,
}

/// `KEY/DATE/REGION/SERVICE/request`.
pub(super) struct Credential<'a> {
    pub(super) key: &'a str,
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// A header's value, if it came exactly once.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(first.as_bytes()).ok().map(str::trim)
}

/// The key a call claims to be signed with, whether or not it is.
pub(super) fn claimed_key(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = one(headers, "authorization")?.split_once("Credential=")?;
    credential.split(['/', ',']).next()
}

impl<'a> Authorization<'a> {
    /// Reads the header, which says nothing yet about whether it is true.
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let refuse = |code, message: &str| Err(Refusal::new(code, message));
        let Some(header) = one(headers, "authorization") else {
            return refuse("MissingAuthenticationToken", "no Authorization");
        };
        let Some(("HMAC-SHA256", parts)) = header.split_once(' ') else {
            return refuse("InvalidAuthorization", "Authorization is not HMAC-SHA256");
        };
        let part = |name: &str| {
            let named = parts.split(',').map(|part| part.trim().split_once('='));
            let mut found = named.flatten().filter(|(key, _)| *key == name);
            found.next().map(|(_, value)| value)
        };
        let Some(signature) = part("Signature") else {
            return refuse("MissingSignature", "Authorization has no Signature");
        };
        let Some(signed) = part("SignedHeaders") else {
            return refuse("InvalidAuthorization", "no SignedHeaders");
        };
        let credential = part("Credential").unwrap_or_default();
        let words: Vec<&str> = credential.split('/').collect();
        let [key, date, region, service, TERMINATOR] = *words.as_slice() else {
            return refuse("InvalidCredential", "no KEY/DATE/REGION/SERVICE/request");
        };
        Ok(Self {
            credential: Credential { key, date, region, service },
            signed: signed.split(';').collect(),
            signature,
        })
    }
}

impl Credential<'_> {
    /// Whether the scope is that of a call of this service, dated `date` in its `X-Date`.
    pub(super) fn check(&self, date: &str, settings: &Settings) -> Result<(), Refusal> {
        let refuse = |message: &str| Err(Refusal::new("InvalidCredential", message));
        if date.split('T').next() != Some(self.date) {
            return refuse("the credential's date is not that of X-Date");
        }
        if self.region != settings.region {
            return refuse("the credential is for another region");
        }
        if self.service != settings.service {
            return refuse("the credential is for another service");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn code(header: &'static str) -> &'static str {
        let value = HeaderValue::from_static(header);
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
        Authorization::read(&headers).map_or_else(|refusal| refusal.code, |_| "")
    }

    #[test]
    fn each_way_to_misspell_it_has_its_code() {
        let good = "HMAC-SHA256 Credential=k/20260115/r/s/request, SignedHeaders=host, Signature=0";
        assert_eq!(code(good), "");
        assert_eq!(code("Bearer k"), "InvalidAuthorization");
        assert_eq!(code("HMAC-SHA256 Credential=k/d/r/s/request"), "MissingSignature");
        assert_eq!(code("HMAC-SHA256 Signature=0"), "InvalidAuthorization");
        assert_eq!(code("HMAC-SHA256 SignedHeaders=host,Signature=0"), "InvalidCredential");
        let aws = "HMAC-SHA256 Credential=k/d/r/s/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(code(aws), "InvalidCredential");
        let missing = Authorization::read(&HeaderMap::new()).err().map(|refusal| refusal.code);
        assert_eq!(missing, Some("MissingAuthenticationToken"));
    }

    #[test]
    fn the_claimed_key_is_read_from_any_credential() {
        let value = HeaderValue::from_static("HMAC-SHA256 Credential=AKLT1/nonsense");
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
        assert_eq!(claimed_key(&headers), Some("AKLT1"));
        assert_eq!(claimed_key(&HeaderMap::new()), None);
    }
}
