//! What the vendor said, as it is held and served.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One region of the distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// The province's or country's name, as the vendor writes it.
    pub name: String,
    /// How many distinct users were there; the vendor gives two decimals.
    pub value: f64,
    /// Their share of all users, in percent with two decimals.
    pub proportion: f64,
}

/// The distribution over one window, as fetched at one time. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    rows: Bytes,
    fetched_at: Timestamp,
    settled: bool,
}

impl Answer {
    /// An answer of these regions, in the vendor's order. `settled`: the vendor's lag behind the window's end had
    /// passed when the question was sent, so asking again would give the same.
    pub fn new(regions: &[Region], fetched_at: Timestamp, settled: bool) -> Self {
        let rows = serde_json::to_vec(regions).expect("text and finite numbers always serialise");
        // A vector has room to grow, up to as much again, which nobody would count. Copied and not cut, so that the next answer is
        // written where this one was, and no holes are left between those that are held.
        Self { rows: Bytes::copy_from_slice(&rows), fetched_at, settled }
    }

    /// The regions as a JSON array, ready to be served.
    pub fn rows(&self) -> &Bytes {
        &self.rows
    }

    /// When the question was sent to the vendor.
    pub fn fetched_at(&self) -> Timestamp {
        self.fetched_at
    }

    /// A settled (final) answer never changes.
    pub fn is_final(&self) -> bool {
        self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_decimal_point_and_names_their_script() {
        let regions = [Region { name: "上海".into(), value: 666.0, proportion: 66.66 }];
        let answer = Answer::new(&regions, Timestamp::UNIX_EPOCH, true);
        assert_eq!(answer.rows(), r#"[{"name":"上海","value":666.0,"proportion":66.66}]"#);
    }

    #[test]
    fn rows_take_no_more_room_than_they_need() {
        let regions = [Region { name: "上海".into(), value: 666.0, proportion: 66.66 }];
        let rows = Answer::new(&regions, Timestamp::UNIX_EPOCH, true).rows.try_into_mut().unwrap();
        assert_eq!(rows.capacity(), rows.len());
    }
}
