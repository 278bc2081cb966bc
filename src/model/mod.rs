//! The nouns: what every stage of the path speaks of. The ground floor; it imports nothing of ours.

mod answer;
mod moment;
mod names;
mod object;

pub use answer::{Answer, Region};
pub use moment::{Moment, Window};
pub use names::{AppId, Blame, Dimension, Indicator, TenantId, is_word};
pub use object::Object;
