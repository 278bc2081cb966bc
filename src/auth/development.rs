//! Development tokens of a configured issuer: what signs them, and that its own keys would verify them.

use std::time::Duration;

use super::{Authenticator, IssuerSettings, KeySource, MintFault, Minter, NewToken, Rejected};
use crate::clock::Clock;

/// Why an issuer's development tokens cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMinter {
    /// There is nothing to sign with.
    #[error("no signing key: set signing_key_file for the issuer (development only)")]
    NoKey,
    /// What there is does not belong to the issuer's keys.
    #[error("signing_key_file does not belong to the issuer's keys: its tokens would be refused")]
    Stranger,
    /// The key cannot sign.
    #[error(transparent)]
    Mint(#[from] MintFault),
}

impl IssuerSettings {
    /// What signs tokens that this issuer's keys verify, as a trial token has shown.
    pub fn minter(&self) -> Result<Minter, NoMinter> {
        let key = self.signing.as_ref().ok_or(NoMinter::NoKey)?;
        if matches!(self.issuer.keys, KeySource::Published(_)) {
            // Its keys are not at hand, so no trial can be made; the key goes by its thumbprint.
            return Ok(Minter::new(key, &self.issuer.algorithms, None)?);
        }
        let authenticator =
            Authenticator::new(vec![self.issuer.clone()], Clock::system()).map_err(|_| NoMinter::Stranger)?;
        // A key names itself by its thumbprint; a key set may call it something else.
        let key_ids = [None].into_iter().chain(self.issuer.keys.key_ids().into_iter().map(Some));
        let minters = key_ids.map(|key_id| Minter::new(key, &self.issuer.algorithms, key_id));
        for minter in minters.collect::<Result<Vec<_>, _>>()? {
            let trial = minter.mint(&self.token("trial", Duration::from_secs(1), ""))?;
            let refused = authenticator.judge(&trial).map_err(|refused| refused.why).err();
            if refused.is_none_or(|refused| matches!(refused, Rejected::InsufficientScope { .. })) {
                return Ok(minter);
            }
        }
        Err(NoMinter::Stranger)
    }

    /// A development token's claims.
    pub fn token<'a>(&'a self, tenant: &'a str, ttl: Duration, scope: &'a str) -> NewToken<'a> {
        NewToken {
            issuer: &self.issuer.issuer,
            audience: self.issuer.audiences.first().map_or("", String::as_str),
            tenant_claim: &self.issuer.tenant_claim,
            tenant,
            subject: "sluice-token",
            scope,
            issued_at: Clock::system().now(),
            ttl,
            token_id: None,
            not_before: None,
        }
    }
}
