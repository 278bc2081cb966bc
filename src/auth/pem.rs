//! PEM (RFC 7468): labelled base64 between dashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One labelled block. Wiped when dropped: it may be a private key.
pub(super) struct Block {
    /// What the block says it is, such as `PUBLIC KEY`.
    pub(super) label: String,
    /// Its contents.
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// All blocks of a file, in their order; text around them is skipped. `None` where one is broken off, is not base64,
/// or has header lines, as old encrypted keys have.
pub(super) fn blocks(file: &[u8]) -> Option<Vec<Block>> {
    let mut rest = str::from_utf8(file).ok()?;
    let mut found = Vec::new();
    while let Some((_, block)) = rest.split_once("-----BEGIN ") {
        let (label, block) = block.split_once("-----")?;
        let (body, after) = block.split_once(&format!("-----END {label}-----"))?;
        let mut symbols = Zeroizing::new(String::with_capacity(body.len()));
        symbols.extend(body.split_ascii_whitespace());
        let der = Zeroizing::new(STANDARD.decode(symbols.as_bytes()).ok()?);
        found.push(Block { label: label.to_owned(), der });
        rest = after;
    }
    Some(found)
}

/// The file that holds this one block.
pub(super) fn written(label: &str, der: &[u8]) -> Zeroizing<String> {
    let symbols = Zeroizing::new(STANDARD.encode(der));
    let mut file = Zeroizing::new(String::with_capacity(symbols.len() + symbols.len() / 64 + 64 + 2 * label.len()));
    file.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = symbols.as_str();
    while !rest.is_empty() {
        // base64 is ASCII, so every position is a boundary
        let (line, after) = rest.split_at(rest.len().min(64));
        file.extend([line, "\n"]);
        rest = after;
    }
    file.extend(["-----END ", label, "-----\n"]);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for size in [1, 47, 48, 49, 1200] {
            let file = written("TEST KEY", &vec![0xa5; size]);
            let read = blocks(file.as_bytes()).expect("a well-formed file");
            let [block] = read.as_slice() else { unreachable!("one block was written") };
            assert_eq!((block.label.as_str(), block.der.len()), ("TEST KEY", size));
        }
    }

    #[test]
    fn broken_files_are_refused() {
        let whole = written("TEST KEY", b"some bytes");
        let cases = [
            whole.replace("-----END TEST KEY", "-----END OTHER KEY"),
            whole.replace('=', ""),
            whole.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n"),
        ];
        for file in cases {
            assert!(blocks(file.as_bytes()).is_none(), "{file}");
        }
        assert!(blocks(b"\xff\xfe").is_none());
        assert!(blocks(b"no key at all").is_some_and(|found| found.is_empty()));
    }
}
