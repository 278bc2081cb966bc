//! Minding the other replicas: what they bring is held here, what they purge is dropped here, what they ask is not asked
//! here, and our own flights are kept ours.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Pipeline;
use super::asking::Asking;
use super::crew::Landed;
use crate::auth::{Revocation, TooMany};
use crate::cache::Purge;
use crate::fleet::{self, Fleet, Heard, Reach};
use crate::store::{self, Away, News, State};

/// Well within a flight's lease.
const RENEW: Duration = Duration::from_secs(1);
/// Between two tries to hear or tell what was missed.
const AGAIN: Duration = Duration::from_millis(200);

impl Pipeline {
    /// Never ends; without a fleet there is nothing to mind.
    pub(super) async fn mind_the_fleet(&self) {
        let Some(fleet) = &self.flights.fleet else { return std::future::pending().await };
        tokio::join!(self.hear(fleet), self.renew(fleet), self.catch_up_whenever_behind(fleet));
    }

    /// Drops answers here and at all replicas.
    pub async fn purge(&self, purge: Purge) -> Reach {
        self.flights.cache.purge(purge.clone());
        let Some(fleet) = &self.flights.fleet else { return Reach::All };
        if fleet.purge(&purge).await.is_ok() {
            return Reach::All;
        }
        self.untold().push(purge);
        self.behind.notify_one();
        Reach::HereForNow
    }

    /// Makes tokens count no more, here and at all replicas.
    pub async fn revoke(&self, revocation: Revocation) -> Result<Reach, TooMany> {
        self.policy().authenticator.revoke(revocation.clone())?;
        let Some(fleet) = &self.flights.fleet else { return Ok(Reach::All) };
        if fleet.revoke(&revocation).await.is_ok() {
            return Ok(Reach::All);
        }
        // What is in force here and not noted there is told on catching up.
        self.behind.notify_one();
        Ok(Reach::HereForNow)
    }

    /// Connects to the store the next time with another password, where there is a store.
    pub fn renew_store_credentials(&self, config: Option<store::Config>) {
        if let (Some(fleet), Some(config)) = (&self.flights.fleet, config) {
            fleet.renew_credentials(config);
        }
    }

    /// How the store stands, where there is one.
    pub fn store_standing(&self) -> Option<fleet::Standing> {
        self.flights.fleet.as_ref().map(|fleet| fleet.standing())
    }

    async fn hear(&self, fleet: &Fleet) {
        let mut news = fleet.news();
        loop {
            match news.recv().await {
                Ok(news) => self.take_in(fleet, &news),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "news of other replicas was missed; asking for the whole");
                    self.behind.notify_one();
                }
                // The store lives as long as the pipeline.
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn take_in(&self, fleet: &Fleet, news: &News) {
        if let Some(heard) = fleet.read(news, self.now()) {
            self.act_on(heard);
        }
    }

    fn act_on(&self, heard: Heard) {
        match heard {
            Heard::Landed(question, held) => {
                self.flights.cache.adopt(&question, held.clone());
                self.flights.sickbed.rise(&question);
                self.flights.breaker.answered_elsewhere();
                let asking = Asking::from(question.asked_elsewhere());
                self.queue.landed_elsewhere(&asking, &Landed::elsewhere(Ok(held)));
            }
            Heard::Failed(question, fault) => {
                self.lay_if_up(&question, &fault);
                let asking = Asking::from(question.asked_elsewhere());
                self.queue.landed_elsewhere(&asking, &Landed::elsewhere(Err(fault)));
            }
            Heard::Released(question) => self.queue.released_elsewhere(&question.asked_elsewhere().into()),
            Heard::Purged(purge) => self.flights.cache.purge(purge),
            Heard::Revoked(revocation) => {
                if let Err(too_many) = self.policy().authenticator.revoke(revocation) {
                    tracing::error!(%too_many, "a revocation of another replica is not in force here");
                }
            }
        }
    }

    async fn renew(&self, fleet: &Fleet) {
        let mut ticks = interval(RENEW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let flights = self.queue.flights();
            fleet.renew(flights.iter().map(Asking::question)).await;
        }
    }

    /// Whoever was away may have missed anything, and may know what the store has not heard or has forgotten.
    async fn catch_up_whenever_behind(&self, fleet: &Fleet) {
        let mut state = fleet.state();
        loop {
            if matches!(&*state.borrow_and_update(), State::Here { .. }) {
                if self.try_to_catch_up(fleet).await.is_err() {
                    sleep(AGAIN).await;
                    continue;
                }
                self.queue.look_at_all_again();
            }
            tokio::select! {
                changed = state.changed() => if changed.is_err() { return },
                () = self.behind.notified() => {}
            }
        }
    }

    async fn try_to_catch_up(&self, fleet: &Fleet) -> Result<(), Away> {
        // A purge told twice does no harm; one that was not told would be undone by what the store still has.
        let purges = self.untold().clone();
        for purge in &purges {
            fleet.purge(purge).await?;
        }
        self.untold().drain(..purges.len());
        let ours = self.policy().authenticator.revoked();
        let missed = fleet.catch_up().await?;
        // The store may have lost its data, or never heard of ours.
        for revocation in fleet.untold(&ours, &missed) {
            fleet.revoke(revocation).await?;
        }
        for heard in missed {
            self.act_on(heard);
        }
        Ok(())
    }

    fn untold(&self) -> MutexGuard<'_, Vec<Purge>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
