//! Development tokens of a configured issuer: what signs them, and that its own keys would verify them.

use std::time::Duration;

use super::{
    Authenticator, IssuerConfig, IssuerSettings, KeySource, MintFault, Minter, NewToken, Profile, Rejected, Shape,
};
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
    /// The issuer's tokens cannot be of this tenant.
    #[error("no rule of the issuer's tenant_rules means the tenant \"{tenant}\", so none of its tokens could")]
    NoRule {
        /// The tenant that was asked for.
        tenant: String,
    },
    /// The issuer requires what these tokens do not have.
    #[error("the issuer's required_claims name \"{claim}\", which this development token would not have")]
    NoClaim {
        /// The claim they lack.
        claim: String,
    },
    /// The key cannot sign.
    #[error(transparent)]
    Mint(#[from] MintFault),
}

/// What development tokens say of the program that asked for them.
const PROGRAM: &str = "sluice-token";

impl IssuerSettings {
    /// A development token, as the issuer's own would be made.
    pub fn mint(&self, tenant: &str, ttl: Duration, scope: &str) -> Result<String, NoMinter> {
        let minter = self.minter()?;
        let Profile { token_type, required_claims, scope_claims, tenant_rules } = &self.issuer.profile;
        let entry = tenant_rules.entry_for(tenant);
        if entry.is_none() && !tenant_rules.is_empty() {
            return Err(NoMinter::NoRule { tenant: tenant.to_owned() });
        }
        let entries: Vec<String> = entry.into_iter().collect();
        // Where the tenant is looked for in one of these, it has its place there.
        let wants =
            |name: &str| required_claims.iter().any(|claim| claim == name) && self.issuer.tenant_claim.top() != name;
        // A name of its own, so that one token can be revoked.
        let token_id = uuid::Uuid::now_v7().to_string();
        let token_id = (self.issuer.tenant_claim.top() != "jti").then_some(&*token_id);
        let scope_claim = scope_claims.iter().find(|claim| *claim == "scope").or(scope_claims.first());
        let shape = Shape {
            token_type: *token_type,
            entries: &entries,
            client_id: wants("client_id").then_some(PROGRAM),
            scope_claim: scope_claim.map(String::as_str),
        };
        let token = NewToken { token_id, ..self.token(tenant, ttl, scope) };
        let claims = token.claims(&shape)?;
        if let Some(claim) = required_claims.iter().find(|claim| !claims.contains_key(*claim)) {
            return Err(NoMinter::NoClaim { claim: claim.clone() });
        }
        Ok(minter.sign_as(&claims, *token_type)?)
    }

    /// What signs tokens that this issuer's keys verify, as a trial token has shown. The trial is of the keys alone, so
    /// it asks of the token's claims what every issuer does.
    fn minter(&self) -> Result<Minter, NoMinter> {
        let key = self.signing.as_ref().ok_or(NoMinter::NoKey)?;
        if matches!(self.issuer.keys, KeySource::Published(_)) {
            // Its keys are not at hand, so no trial can be made; the key goes by its thumbprint.
            return Ok(Minter::new(key, &self.issuer.algorithms, None)?);
        }
        let issuer = IssuerConfig { profile: Profile::default(), ..self.issuer.clone() };
        let authenticator = Authenticator::new(vec![issuer], Clock::system()).map_err(|_| NoMinter::Stranger)?;
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

    /// What every development token says.
    fn token<'a>(&'a self, tenant: &'a str, ttl: Duration, scope: &'a str) -> NewToken<'a> {
        NewToken {
            issuer: &self.issuer.issuer,
            audience: self.issuer.audiences.first().map_or("", String::as_str),
            tenant_claim: &self.issuer.tenant_claim,
            tenant,
            subject: PROGRAM,
            scope,
            issued_at: Clock::system().now(),
            ttl,
            token_id: None,
            not_before: None,
        }
    }
}
