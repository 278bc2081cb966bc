//! A script that runs in the store, whole or not at all, and one run of it.

/// Lua that runs in the store. Its reply begins with the store's time in microseconds since 1970.
#[derive(Debug)]
pub struct Script {
    pub(super) name: &'static str,
    pub(super) code: redis::Script,
}

/// The keys and arguments of one run. Keys are named without the prefix that all of them share.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    pub(super) keys: Vec<String>,
    pub(super) values: Vec<Vec<u8>>,
}

impl Script {
    /// The script of this name, for the log.
    pub fn new(name: &'static str, code: &str) -> Self {
        Self { name, code: redis::Script::new(code) }
    }
}

impl Arguments {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.values.is_empty()
    }

    /// With one key more.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// With one text or some bytes more.
    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// With one number more.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "numbers are copied")]
    pub fn number(self, number: impl ToString) -> Self {
        self.value(number.to_string())
    }
}
