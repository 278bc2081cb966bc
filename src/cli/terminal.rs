//! What commands print. A reader that went away (`sluice check | head`) is no failure of ours.

use std::fmt::Display;
use std::io::{self, Write};

/// To standard output, with a newline.
pub(super) fn say(text: impl Display) {
    let _reader_gone = writeln!(io::stdout().lock(), "{text}");
}

/// To standard error, with a newline.
pub(super) fn complain(text: impl Display) {
    let _reader_gone = writeln!(io::stderr().lock(), "{text}");
}
