//! Waiting for what comes of its own accord.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Waits until `look` finds something; gives it up with these words after `limit`.
pub(crate) async fn within<T>(limit: Duration, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    comes(limit, look).await.unwrap_or_else(|| panic!("not within {limit:?}: {what}"))
}

/// The same where it may not come.
pub(crate) async fn comes<T>(limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        sleep(Duration::from_millis(25)).await;
    }
}

/// Waits until this is so, likewise.
pub(crate) async fn until(limit: Duration, what: &str, mut so: impl AsyncFnMut() -> bool) {
    within(limit, what, async || so().await.then_some(())).await;
}
