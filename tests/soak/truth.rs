//! Whether an answer is the right one: what the upstream says to that question, and nobody else's.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluice::simulator::Handle;

use crate::fleet::TENANTS;
use crate::questions::Question;
use crate::support::{Reply, app_id, now};

/// How far the end of a moving window may be from now: the grid, and an answer that was held for a while.
const OFF_GRID: SignedDuration = SignedDuration::from_mins(15);

/// What is right, and which tag each body was given.
pub(crate) struct Truth {
    upstream: Handle,
    /// When the run began: answers are no older.
    began: Timestamp,
    /// Tags by body, and bodies by tag.
    tags: Mutex<(HashMap<String, String>, HashMap<String, String>)>,
    checked: AtomicUsize,
}

impl Truth {
    pub(crate) fn new(upstream: Handle) -> Self {
        Self { upstream, began: now(), tags: Mutex::default(), checked: AtomicUsize::new(0) }
    }

    /// How many answers were looked at.
    pub(crate) fn checked(&self) -> usize {
        self.checked.load(Ordering::Relaxed)
    }

    /// Asserts that this is the answer to that question.
    pub(crate) fn check(&self, question: &Question, reply: &Reply) {
        self.checked.fetch_add(1, Ordering::Relaxed);
        let rows = reply.rows();
        let mut body = reply.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}: {reply:?}")).to_owned();
        assert_eq!(text("app"), format!("app-{}", question.app), "{question:?}");
        assert_eq!(
            (text("indicator").as_str(), text("dimension").as_str()),
            ("user_num", question.dim),
            "{question:?}"
        );
        let (from, to) = (text("from"), text("to"));
        if question.is_moving() {
            let moment = |text: &str| text.parse::<Timestamp>().unwrap();
            let off = now().duration_since(moment(&to)).abs();
            assert!(off <= OFF_GRID, "a day that ends {off:?} from now: {reply:?}");
            assert_eq!(moment(&to).duration_since(moment(&from)), SignedDuration::from_hours(24));
            assert_eq!(body["final"], false, "{reply:?}");
        } else {
            let midnight = |date: &str| format!("{date}T00:00:00+08:00");
            assert_eq!((&from, &to), (&midnight(&question.from), &midnight(&question.to)), "{question:?}");
            assert_eq!(body["final"], true, "{reply:?}");
        }
        let is_due = |tenant| self.due(tenant, question, &from, &to).contains(&rows);
        if !is_due(question.tenant()) {
            let owner = TENANTS.into_iter().find(|tenant| is_due(tenant));
            panic!("not the answer to {question:?} but {}: {reply:?}", owner.unwrap_or("nobody's"));
        }
        body.as_object_mut().unwrap().remove("fetched_at");
        self.check_tag(&format!("{} {body}", question.tenant()), reply.header("etag"));
    }

    /// What the upstream may have answered since the run began: what still moves grows by the hour.
    fn due(&self, tenant: &str, question: &Question, from: &str, to: &str) -> Vec<Vec<Value>> {
        let body = json!({
            "AppId": app_id(tenant, question.app), "StartTime": from, "EndTime": to, "Indicator": "user_num",
            "Dimension": question.dim,
        });
        let at = |at| self.upstream.due(body.to_string().as_bytes(), at);
        // The window may have ended only after the run began, and not yet begun by then as the upstream sees it.
        [self.began, now()].into_iter().filter_map(at).map(|data| ours(&data)).collect()
    }

    /// One body, one tag, whichever replica sends it; another body, another tag.
    fn check_tag(&self, body: &str, tag: &str) {
        let (by_body, by_tag) = &mut *self.tags.lock().unwrap();
        let first = by_body.entry(body.to_owned()).or_insert_with(|| tag.to_owned());
        assert_eq!(first, tag, "two tags of one body: {body}");
        // Tenants may have apps that are called alike and answers that are alike: the tag is of what was said.
        let said = body.split_once(' ').unwrap().1;
        let first = by_tag.entry(tag.to_owned()).or_insert_with(|| said.to_owned());
        assert_eq!(first, said, "one tag of two bodies: {tag}");
    }
}

/// The vendor's rows as the gateway writes them.
fn ours(data: &Value) -> Vec<Value> {
    let row =
        |row: &Value| json!({"name": row["DistributionName"], "value": row["Value"], "proportion": row["Proportion"]});
    data.as_array().unwrap().iter().map(row).collect()
}
