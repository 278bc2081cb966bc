//! The one line of each request, written by hand: of all that is logged, only this comes with every held answer.

use jiff::Timestamp;
use serde::Serialize;

use super::stamp::Stamp;

/// What the line of a request tells, in the words of the log. What is not known is left out. All but the tenant and the app
/// are printable ASCII without a quote and a backslash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access<'a> {
    /// The time of the line; `None` for the time at which it is written.
    pub at: Option<Timestamp>,
    /// Under which the request can be found again.
    pub request_id: &'a str,
    /// In 32 hexadecimal digits, where the request belongs to a trace.
    pub trace_id: Option<&'a str>,
    /// As it was sent; `None` where no head could be read.
    pub method: Option<&'a str>,
    /// As the description has it, or `none`.
    pub route: &'a str,
    /// `None` where nobody waited for an answer any more.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: &'a str,
    /// Whose doing it is, where it was not answered.
    pub blame: Option<&'a str>,
    /// On whose behalf it was asked.
    pub tenant: Option<&'a str>,
    /// By the tenant's name for it.
    pub app: Option<&'a str>,
    /// How long it waited for its turn.
    pub wait_ms: Option<u64>,
    /// Calls that were sent for it.
    pub calls: Option<u32>,
    /// From its head to the head of its answer.
    pub took_ms: u64,
}

/// Whether the filter in force lets the line through. It names the fields, as filters may.
pub(super) fn is_wanted() -> bool {
    tracing::event_enabled!(
        target: "sluice::access",
        tracing::Level::INFO,
        request_id,
        trace_id,
        method,
        route,
        status,
        outcome,
        blame,
        tenant,
        app,
        wait_ms,
        calls,
        took_ms,
        message
    )
}

impl Access<'_> {
    /// Tells it as an event, for whoever takes those.
    pub(super) fn tell(&self) {
        tracing::info!(
            target: "sluice::access",
            request_id = self.request_id,
            trace_id = self.trace_id,
            method = self.method.map(tracing::field::display),
            route = self.route,
            status = self.status,
            outcome = self.outcome,
            blame = self.blame,
            tenant = self.tenant,
            app = self.app,
            wait_ms = self.wait_ms,
            calls = self.calls,
            took_ms = self.took_ms,
            "request"
        );
    }

    /// Appends the line that the JSON formatter would make of the event, to the byte.
    pub(super) fn write(&self, line: &mut Vec<u8>, stamp: &mut Stamp) {
        line.extend_from_slice(b"{\"timestamp\":\"");
        stamp.write(line, self.at);
        line.extend_from_slice(b"\",\"level\":\"INFO\",\"message\":\"request\"");
        plain(line, b",\"request_id\":", Some(self.request_id));
        plain(line, b",\"trace_id\":", self.trace_id);
        plain(line, b",\"method\":", self.method);
        plain(line, b",\"route\":", Some(self.route));
        member(line, b",\"status\":", self.status);
        plain(line, b",\"outcome\":", Some(self.outcome));
        plain(line, b",\"blame\":", self.blame);
        word(line, b",\"tenant\":", self.tenant);
        word(line, b",\"app\":", self.app);
        member(line, b",\"wait_ms\":", self.wait_ms);
        member(line, b",\"calls\":", self.calls);
        member(line, b",\"took_ms\":", Some(self.took_ms));
        line.extend_from_slice(b",\"target\":\"sluice::access\"}\n");
    }
}

/// A member whose words are ours, or were looked at: they need no escape.
fn plain(line: &mut Vec<u8>, name: &[u8], value: Option<&str>) {
    let Some(value) = value else { return };
    debug_assert!(is_plain(value), "{value}");
    line.extend_from_slice(name);
    line.push(b'"');
    line.extend_from_slice(value.as_bytes());
    line.push(b'"');
}

/// A member whose words are somebody's, and most often plain all the same.
fn word(line: &mut Vec<u8>, name: &[u8], value: Option<&str>) {
    if value.is_none_or(is_plain) { plain(line, name, value) } else { member(line, name, value) }
}

/// Whether JSON has it as it stands.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

fn member(line: &mut Vec<u8>, name: &[u8], value: Option<impl Serialize>) {
    if let Some(value) = value {
        line.extend_from_slice(name);
        serde_json::to_writer(line, &value).expect("memory takes text and numbers");
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
