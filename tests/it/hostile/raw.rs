//! Some three hundred ways to write HTTP/1.1 wrongly, oddly or with two meanings. Each ends in a problem or a clean close:
//! never in silence, a 5xx, or an answer that is meant for another request.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::speaking::{Said, speak};
use crate::support::{House, Plan};

/// How a case has to end. Behind every case comes a sound request, `last`, which asks for the connection's end.
#[derive(Clone, Debug)]
enum Ends {
    /// One problem of one of these statuses, after which nothing is answered any more.
    Refused(&'static [u16]),
    /// Answers of these statuses, in this order and with the ids `r1`, `r2`, …; then `last` is served.
    Goes(&'static [u16]),
    /// Answers of these statuses; the last of them closes the connection.
    GoesAndCloses(&'static [u16]),
    /// Not a word: the caller went away in the midst of it.
    Closed,
}
use Ends::{Closed, Goes, GoesAndCloses, Refused};

struct Case {
    name: String,
    bytes: Vec<u8>,
    ends: Ends,
    /// The places of HEAD among the answers.
    heads: &'static [usize],
}

/// The cases, and the token that sound requests have.
struct Table {
    token: String,
    cases: Vec<Case>,
}

const AT_A_TIME: usize = 16;
const BAD: Ends = Refused(&[400]);
const FINE: Ends = Goes(&[200]);

impl Table {
    fn case(&mut self, name: impl Into<String>, bytes: impl AsRef<[u8]>, ends: Ends) {
        self.cases.push(Case { name: name.into(), bytes: bytes.as_ref().to_vec(), ends, heads: &[] });
    }

    /// A request with this first line and the headers that it takes to be served.
    fn line(&mut self, line: impl AsRef<[u8]>, ends: Ends) {
        let line = line.as_ref();
        let rest = format!("\r\nHost: a\r\n{}\r\n", self.own("r1"));
        let name = format!("line {}", shown(line));
        self.case(name, [line, rest.as_bytes()].concat(), ends);
    }

    /// `GET /apps` with these lines among its headers.
    fn header(&mut self, lines: impl AsRef<[u8]>, ends: Ends) {
        self.method_header("GET", lines.as_ref(), b"", ends);
    }

    fn method_header(&mut self, method: &str, lines: &[u8], body: &[u8], ends: Ends) {
        let before = format!("{method} /apps HTTP/1.1\r\nHost: a\r\n");
        let after = format!("\r\n{}\r\n", self.own("r1"));
        let name = format!("{method} with {}, then {}", shown(lines), shown(body));
        self.case(name, [before.as_bytes(), lines, after.as_bytes(), body].concat(), ends);
    }

    /// `GET /apps` with these lines in place of `Host`.
    fn host(&mut self, lines: impl AsRef<[u8]>, ends: Ends) {
        let (before, after) = ("GET /apps HTTP/1.1\r\n", format!("{}\r\n", self.own("r1")));
        let name = format!("host {}", shown(lines.as_ref()));
        self.case(name, [before.as_bytes(), lines.as_ref(), after.as_bytes()].concat(), ends);
    }

    /// The headers that name and admit a request.
    fn own(&self, id: &str) -> String {
        format!("Authorization: Bearer {}\r\nX-Request-Id: {id}\r\n", self.token)
    }

    fn sound(&self, method: &str, id: &str) -> String {
        format!("{method} /apps HTTP/1.1\r\nHost: a\r\n{}\r\n", self.own(id))
    }

    #[expect(clippy::too_many_lines, reason = "a table, read as a table")]
    fn lines(&mut self) {
        self.line("GET /apps HTTP/1.1", FINE);
        self.line("GET /apps HTTP/1.0", GoesAndCloses(&[200]));
        for version in [
            "HTTP/0.9",
            "HTTP/1",
            "HTTP/1.",
            "HTTP/1.2",
            "HTTP/1.10",
            "HTTP/1.1.1",
            "HTTP/01.1",
            "HTTP/1,1",
            "HTTP/11",
            "HTTP/2",
            "HTTP/2.0",
            "HTTP/3.0",
            "HTTP/-1.1",
            "HTTP/x.y",
            "http/1.1",
            "Http/1.1",
            "HTP/1.1",
            "HTTPS/1.1",
            "HTTP /1.1",
            "HTTP/ 1.1",
            "HTTP/1.1 ",
            "HTTP/1.1\t",
            "HTTP/1.1 x",
            "HTTP/1.1 HTTP/1.1",
            "",
            "ICY/1.1",
            "HTTP/9999999999999999999.1",
        ] {
            self.line(format!("GET /apps {version}"), BAD);
        }
        self.line("GET /apps", BAD);
        self.line("GET", BAD);
        self.line("GET ", BAD);
        self.line("GET  HTTP/1.1", BAD);
        for method in [
            "get",
            "Get",
            "GETT",
            "X",
            "PURGE",
            "BREW",
            "PRI",
            "M-SEARCH",
            "A1!#$%&'*+-.^_`|~",
            "POST",
            "PUT",
            "DELETE",
            "PATCH",
            "TRACE",
            "TRACK",
            "PROPFIND",
        ] {
            self.line(format!("{method} /apps HTTP/1.1"), Goes(&[405]));
            self.line(format!("{method} /nothing HTTP/1.1"), Goes(&[404]));
        }
        self.line("OPTIONS /apps HTTP/1.1", Goes(&[405]));
        for method in [
            &b"G\0T"[..],
            b"G\tT",
            b"G(T",
            b"G)T",
            b"G,T",
            b"G/T",
            b"G:T",
            b"G;T",
            b"G<T",
            b"G=T",
            b"G?T",
            b"G@T",
            b"G[T",
            b"G\\T",
            b"G{T",
            b"G\"T",
            b"G\x7fT",
            b"G\x80T",
            b"G\xc3\x89T",
            b"",
            b"\x1b",
        ] {
            self.line([method, b" /apps HTTP/1.1"].concat(), BAD);
        }
        self.line(format!("{} /apps HTTP/1.1", "M".repeat(300)), Goes(&[405]));
        self.line(format!("{} /apps HTTP/1.1", "M".repeat(35_000)), Refused(&[400, 431]));
        for line in [
            "GET\t/apps HTTP/1.1",
            "GET /apps\tHTTP/1.1",
            "GET  /apps HTTP/1.1",
            "GET /apps  HTTP/1.1",
            " GET /apps HTTP/1.1",
            "\tGET /apps HTTP/1.1",
            "GET /a pps HTTP/1.1",
            "GET\r/apps HTTP/1.1",
            "GET /apps\rHTTP/1.1",
            "GET /apps HTTP/1.1\r",
            "GET\x0b/apps HTTP/1.1",
            "GET /apps\x0cHTTP/1.1",
            "GET /apps\0 HTTP/1.1",
            "GET \0 HTTP/1.1",
            "GET /apps\x7f HTTP/1.1",
        ] {
            self.line(line, BAD);
        }
    }

    fn targets(&mut self) {
        for target in [
            "*",
            "apps",
            "?",
            "?a=b",
            "#",
            "a:443",
            "://a/apps",
            "http:/apps",
            "http:apps",
            "http://",
            "http:///apps",
            "ftp://a/apps",
            "file:///etc/passwd",
            "ws://a/apps",
            "http://b/apps",
            "http://a:81/apps",
            "http://a:443/apps",
            "http://a@b/apps",
            "http://u@a/apps",
            "http://u:p@a/apps",
            "http://a:x/apps",
            "http://a:99999/apps",
            "http://a,b/apps",
            "http://[::1/apps",
            "http://a b/apps",
        ] {
            self.line(format!("GET {target} HTTP/1.1"), BAD);
        }
        for target in ["http://a/apps", "HTTP://A/apps", "https://a/apps", "http://a:80/apps", "https://a:443/apps"] {
            self.line(format!("GET {target} HTTP/1.1"), FINE);
        }
        for target in [
            "http://a",
            "http://a/",
            "http://a?x",
            "/",
            "//apps",
            "//a/apps",
            "/apps/",
            "/APPS",
            "/./apps",
            "/%61pps%00",
            "/apps;a=b",
            "/apps%3fx",
            "/\\apps",
        ] {
            self.line(format!("GET {target} HTTP/1.1"), Goes(&[404]));
        }
        for target in [&b"/\x80"[..], b"/\xff\xfe", b"/\xc0\xaf", b"/<script>", b"/`"] {
            self.line([b"GET ", target, b" HTTP/1.1"].concat(), BAD);
        }
        for target in [&b"/apps\xe2\x80\xae"[..], b"/\"", b"/{}", b"/^", b"/|"] {
            self.line([b"GET ", target, b" HTTP/1.1"].concat(), Ends::Goes(&[404]));
        }
        self.line("OPTIONS * HTTP/1.1", Refused(&[405]));
        self.line("HEAD * HTTP/1.1", BAD);
        self.cases.last_mut().unwrap().heads = &[0];
        self.line("CONNECT a:443 HTTP/1.1", Refused(&[405]));
        self.line("CONNECT / HTTP/1.1", Refused(&[400, 405]));
        self.line("CONNECT * HTTP/1.1", Refused(&[400, 405]));
        for (length, ends) in [
            (2048, Goes(&[404])),
            (2049, Goes(&[414])),
            (30_000, Goes(&[414])),
            (35_000, Refused(&[414, 431])),
            (200_000, Refused(&[414, 431])),
        ] {
            self.line(format!("GET /{} HTTP/1.1", "p".repeat(length - 1)), ends);
        }
        self.line(format!("GET /apps?{} HTTP/1.1", "q".repeat(4097)), Goes(&[414]));
        self.line(format!("GET /nothing?{} HTTP/1.1", "q".repeat(4096)), Goes(&[404]));
    }

    fn headers(&mut self) {
        for line in [
            "A B: x",
            "A : x",
            "A\t: x",
            ": x",
            ":",
            "A",
            "A(: x",
            "A): x",
            "A,b: x",
            "A/b: x",
            "A;b: x",
            "A<b: x",
            "A=b: x",
            "A>b: x",
            "A?b: x",
            "A@b: x",
            "A[b: x",
            "A]b: x",
            "A\\b: x",
            "A{b: x",
            "A}b: x",
            "A\"b: x",
            "A\0: x",
            "A\x7f: x",
            "A\u{e9}: x",
            " A: x",
            "\tA: x",
            "A: x\r\n y",
            "A: x\r\n\ty",
            "A: x\r\n  Host: b",
            "A: x\ry: z",
            "A: \0",
            "A: a\0b",
            "A: \r",
            "A: \x01",
            "A: \x08",
            "A: \x0b",
            "A: \x0c",
            "A: \x1b[2J",
            "A: \x7f",
            "\0",
            "\x7f\x7f",
            "GET / HTTP/1.1",
        ] {
            self.header(line, BAD);
        }
        for line in [
            &b"A:"[..],
            b"A: ",
            b"A:x",
            b"A:\t x \t",
            b"A: a\tb",
            b"A: \x80\xff",
            b"A: \xc3\xa9",
            b"a: :::",
            b"!#$%&'*+-.^_`|~: x",
            b"A: x\r\nA: y",
            b"Content_Length: 5",
            b"Transfer_Encoding: chunked",
            b"Transfer-Encodin: chunked",
            b"Content-Length1: 5",
            b"X-HTTP-Method-Override: DELETE",
            b"X-Forwarded-Host: b",
            b"X-Original-URL: /status",
            b"Proxy: http://b",
        ] {
            self.header(line, FINE);
        }
        // A line may end in a bare LF (RFC 9112, 2.2); then it ends there for everybody.
        self.header("A: x\nB: y", FINE);
        self.header("A: x\nTransfer-Encoding: chunked", BAD);
        self.header("A: x\nHost: b", BAD);
        for (count, ends) in [(97, FINE), (98, Refused(&[431])), (1000, Refused(&[431])), (5000, Refused(&[431]))] {
            // Three more come with the request.
            self.header(vec!["A: x"; count].join("\r\n"), ends);
        }
        self.header(format!("A: {}", "x".repeat(30_000)), FINE);
        self.header(format!("A: {}", "x".repeat(35_000)), Refused(&[431]));
        self.header(format!("A: {}", "x".repeat(1 << 20)), Refused(&[431]));
        self.header(format!("{}: x", "A".repeat(35_000)), Refused(&[400, 431]));
        self.header(format!("Cookie: {}", "a=b; ".repeat(20_000)), Refused(&[431]));
    }

    fn hosts(&mut self) {
        for line in [
            "",
            "Host: a\r\nHost: a\r\n",
            "Host: a\r\nHost: b\r\n",
            "Host: a\r\nhost: a\r\n",
            "Host: a, b\r\n",
            "Host:\r\n",
            "Host: \r\n",
            "Host: a b\r\n",
            "Host: a\tb\r\n",
            "Host: a/b\r\n",
            "Host: a/\r\n",
            "Host: a?b\r\n",
            "Host: a#b\r\n",
            "Host: a\\b\r\n",
            "Host: http://a\r\n",
            "Host: u@a\r\n",
            "Host: u:p@a\r\n",
            "Host: @a\r\n",
            "Host: a:b\r\n",
            "Host: a:65536\r\n",
            "Host: a:-1\r\n",
            "Host: a:+1\r\n",
            "Host: a:1:2\r\n",
            "Host: a:80 \x01\r\n",
            "Host: :80\r\n",
            "Host: [::1\r\n",
            "Host: ::1\r\n",
            "Host: [\r\n",
            "Host: ]\r\n",
            "Host: a;b\r\n",
            "Host: \"a\"\r\n",
            "Host: <a>\r\n",
            "Host: a{\r\n",
            "Host: *\r\n",
            "Host: \u{e9}\r\n",
            "Host: %61\r\n",
            "Host : a\r\n",
            "Host\r\n",
            "Hos: a\r\n",
            "X-Host: a\r\n",
            "Host: a\0\r\n",
            "Host: a\r\n b\r\n",
            "Host: javascript:alert(1)\r\n",
        ] {
            self.host(line, BAD);
        }
        for line in [
            "Host: a\r\n",
            "HOST: a\r\n",
            "hOsT:a\r\n",
            "Host: a:0\r\n",
            "Host: a:65535\r\n",
            "Host: a:\r\n",
            "Host: a.b-c_d\r\n",
            "Host: 127.0.0.1:8080\r\n",
            "Host: [::1]\r\n",
            "Host: [::1]:80\r\n",
            "Host:  a \r\n",
            "Host: a.\r\n",
        ] {
            self.host(line, FINE);
        }
        let old = format!("GET /apps HTTP/1.0\r\n{}\r\n", self.own("r1"));
        self.case("HTTP/1.0 without a host", old, BAD);
    }

    #[expect(clippy::too_many_lines, reason = "a table, read as a table")]
    fn bodies(&mut self) {
        let inner = self.sound("GET", "inner");
        let chunks = format!("0\r\n\r\n{inner}");
        for coding in [
            "chunked",
            "Chunked",
            "CHUNKED",
            "chunked, chunked",
            "gzip, chunked",
            "chunked, gzip",
            "identity",
            "identity, chunked",
            "xchunked",
            "chunkedx",
            "chunked;q=1",
            "\"chunked\"",
            "chunked,",
            ",chunked",
            "\tchunked",
            "chunked ",
            "",
            "trailers",
            "deflate",
            "chun ked",
            "chunked\r\nTransfer-Encoding: identity",
            "identity\r\nTransfer-Encoding: chunked",
            "chunked\r\nContent-Length: 5",
            "chunked\r\nContent-Length: 0",
            "\x0bchunked",
            "chunked\0",
        ] {
            self.method_header("GET", format!("Transfer-Encoding: {coding}").as_bytes(), chunks.as_bytes(), BAD);
            self.method_header("POST", format!("Transfer-Encoding: {coding}").as_bytes(), chunks.as_bytes(), BAD);
        }
        self.method_header("POST", b"Content-Length: 5\r\nTransfer-Encoding: chunked", chunks.as_bytes(), BAD);
        self.method_header("POST", b"Transfer-Encoding : chunked", chunks.as_bytes(), BAD);
        self.method_header("POST", b"Transfer-Encoding\t: chunked", chunks.as_bytes(), BAD);
        for body in [
            "5\r\nhello\r\n0\r\n\r\n",
            "5;a=b\r\nhello\r\n0\r\n\r\n",
            "ffffffffffffffff\r\n",
            "-1\r\n\r\n",
            "0x5\r\nhello",
            "5\nhello\n0\n\n",
            "5 \r\nhello\r\n",
            "\r\n",
            "g\r\n",
            "0\r\nA: b\r\n\r\n",
            "00000000000000000000\r\n\r\n",
            "1\r\nZ\r\nQ",
        ] {
            self.method_header("POST", b"Transfer-Encoding: chunked", body.as_bytes(), BAD);
        }
        let old =
            format!("GET /apps HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{}\r\n{chunks}", self.own("r1"));
        self.case("chunks in HTTP/1.0", old, BAD);
        for length in [
            "5",
            "1",
            "05",
            "-1",
            "+5",
            "5 5",
            "5,5",
            "5, 5",
            "0,0",
            "0x5",
            "5;",
            "a",
            "",
            " ",
            "1e1",
            "5.0",
            "99999999999999999999999",
            "18446744073709551616",
            "\u{665}",
            "5\r\nContent-Length: 6",
            "0\r\nContent-Length: 5",
            "5\r\nContent-Length: 0",
            "\x0b5",
            "5\0",
            "_5",
            "NaN",
        ] {
            self.method_header("GET", format!("Content-Length: {length}").as_bytes(), b"hello", BAD);
        }
        self.method_header("GET", b"Content-Length : 5", b"hello", BAD);
        // Numbers that hyper keeps for itself.
        self.method_header("GET", b"Content-Length: 18446744073709551615", b"hello", Refused(&[400, 431]));
        for length in ["0", "00", "0\r\nContent-Length: 0", " 0 "] {
            self.header(format!("Content-Length: {length}"), FINE);
        }
        // Elsewhere a body is not read, and nothing behind it either.
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            self.method_header(method, b"Content-Length: 5", b"hello", GoesAndCloses(&[405]));
        }
        self.method_header("POST", b"Content-Length: 1000000000", b"hello", GoesAndCloses(&[405]));
        self.method_header("HEAD", b"Content-Length: 5", b"hello", BAD);
        self.cases.last_mut().unwrap().heads = &[0];
        self.method_header("GET", b"Content-Length: 5\r\nExpect: 100-continue", b"", BAD);
        self.method_header("POST", b"Content-Length: 5\r\nExpect: 100-continue", b"", GoesAndCloses(&[405]));
        self.header("Expect: 100-continue", FINE);
        self.header("Expect: a teapot", FINE);
        let length = inner.len();
        self.method_header("GET", format!("Content-Length: {length}").as_bytes(), inner.as_bytes(), BAD);
        self.method_header(
            "POST",
            format!("Content-Length: {length}").as_bytes(),
            inner.as_bytes(),
            GoesAndCloses(&[405]),
        );
    }

    fn connections(&mut self) {
        for line in [
            "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13",
            "Upgrade: h2c",
            "Upgrade: TLS/1.0",
            "Connection: keep-alive",
            "Connection: Host",
            "Connection: Authorization",
            "Connection: ,,,",
            "Keep-Alive: timeout=100000",
            "TE: trailers, chunked",
            "Trailer: Host",
            "Max-Forwards: 0",
            "Range: bytes=0-0,1-1,2-2",
            "Via: 1.1 a",
        ] {
            self.header(line, FINE);
        }
        for line in [
            "Connection: close",
            "Connection: CLOSE",
            "Connection: keep-alive, close",
            "Connection: close, keep-alive",
            "Connection: keep-alive\r\nConnection: close",
        ] {
            self.header(line, GoesAndCloses(&[200]));
        }
    }

    fn pipelines(&mut self) {
        let [first, second] = ["r1", "r2"].map(|id| self.sound("GET", id));
        self.case("two", format!("{first}{second}"), Goes(&[200, 200]));
        let twenty: String = (1..=20).map(|place| self.sound("GET", &format!("r{place}"))).collect();
        self.case("twenty", twenty, Goes(&[200; 20]));
        let heads: String = (1..=3).map(|place| self.sound(["GET", "HEAD"][place % 2], &format!("r{place}"))).collect();
        self.case("two HEAD around a GET", heads, Goes(&[200, 200, 200]));
        self.cases.last_mut().unwrap().heads = &[0, 2];
        self.case("empty lines before", format!("\r\n\r\n{first}\r\n{second}"), Goes(&[200, 200]));
        self.case("a thousand empty lines before", format!("{}{first}", "\r\n".repeat(1000)), FINE);
        self.case("bare line feeds before", format!("\n\n{first}"), FINE);
        let (other, third) = (self.sound("POST", "r2"), self.sound("GET", "r3"));
        self.case("a refusal between", format!("{first}{other}{third}"), Goes(&[200, 405, 200]));
        for rubbish in [
            "\0",
            "garbage\r\n\r\n",
            "GET /apps HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            " \r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
        ] {
            self.case(
                format!("one, then {}", shown(rubbish.as_bytes())),
                format!("{first}{rubbish}"),
                GoesAndCloses(&[200, 400]),
            );
        }
        self.case("an answer in place of a request", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", BAD);
    }

    fn others(&mut self) {
        for words in [
            &b"SSH-2.0-x\r\n\r\n"[..],
            b"EHLO a\r\n\r\n",
            b"USER a\r\n\r\n",
            b"{\"a\": 1}\r\n\r\n",
            b"<xml/>\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
            b"\x80\x2e\x01\x00\x02",
            b"\x05\x01\x00",
            b"\x04\x01\x00\x50",
            b"\0\0\0\0\0\0\0\0",
            b"\xff\xff\xff\xff",
            b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
            b"*1\r\n$4\r\nPING\r\n",
            b"PRI * HTTP/2.0\r\n\r\n",
            b"\xef\xbb\xbfGET /apps HTTP/1.1\r\n",
            b"\xff\xfeG\0E\0T\0",
            b"() { :; }; echo\r\n\r\n",
        ] {
            self.case(format!("not HTTP: {}", shown(words)), words, BAD);
        }
        self.case("HTTP/2 without TLS", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", Refused(&[0, 400]));
        for part in [
            "",
            "\r\n",
            "G",
            "GET",
            "GET /apps",
            "GET /apps HTTP/1.1",
            "GET /apps HTTP/1.1\r\n",
            "GET /apps HTTP/1.1\r\nHost: a",
            "GET /apps HTTP/1.1\r\nHost: a\r\n",
            "GET /apps HTTP/1.1\r\nHost: a\r\n\r",
            "PRI * HT",
        ] {
            self.case(format!("ends at {}", shown(part.as_bytes())), part, Closed);
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    if text.len() > 90 { format!("{}… of {}", &text[..60], bytes.len()) } else { text }
}

async fn house() -> (House, Table) {
    let house = Plan::default().build().await;
    let mut table = Table { token: house.token("red"), cases: Vec::new() };
    for part in [
        Table::lines,
        Table::targets,
        Table::headers,
        Table::hosts,
        Table::bodies,
        Table::connections,
        Table::pipelines,
        Table::others,
    ] {
        part(&mut table);
    }
    (house, table)
}

/// What is wrong with how a case ended, if anything.
fn wrong(case: &Case, said: &[Said]) -> Result<(), String> {
    let statuses: Vec<_> = said.iter().map(|said| said.status).collect();
    let expected = match &case.ends {
        Closed => Vec::new(),
        Refused(any) if said.is_empty() && any.contains(&0) => Vec::new(),
        Refused(any) => vec![*statuses.iter().find(|status| any.contains(status)).ok_or(format!("{statuses:?}"))?],
        Goes(statuses) => [statuses, &[200][..]].concat(),
        GoesAndCloses(statuses) => statuses.to_vec(),
    };
    if statuses != expected {
        return Err(format!("{statuses:?}, not {expected:?}: {said:?}"));
    }
    for (place, answer) in said.iter().enumerate() {
        let id = answer.header("x-request-id");
        let parsed = !(matches!(case.ends, Refused(_)) || (answer.status == 400 && place > 0));
        let last = matches!(case.ends, Goes(_)) && place + 1 == said.len();
        let own = if last { "last".to_owned() } else { format!("r{}", place + 1) };
        if parsed && id != own || id.is_empty() {
            return Err(format!("an answer to {id}, not to {own}"));
        }
        match answer.status {
            200 if case.heads.contains(&place) || answer.body.starts_with(b"{\"tenant\":\"red\"") => {}
            400.. if case.heads.contains(&place) => {}
            400.. => drop(answer.problem()),
            _ => return Err(format!("{answer:?}")),
        }
        let closes = place + 1 == said.len();
        if (answer.header("connection") == "close") != closes && answer.status != 200 {
            return Err(format!("connection: {}", answer.header("connection")));
        }
    }
    Ok(())
}

async fn fault(to: SocketAddr, case: &Case, last: &str) -> Option<String> {
    let ends = matches!(case.ends, Closed);
    let bytes = if ends { case.bytes.clone() } else { [&case.bytes[..], last.as_bytes()].concat() };
    let said = speak(to, &bytes, ends, case.heads).await.and_then(|said| wrong(case, &said));
    said.err().map(|fault| format!("{}: {fault}", case.name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bytes_hang_it_break_it_or_get_an_answer_that_is_not_theirs() {
    let (house, table) = house().await;
    assert!(table.cases.len() >= 300, "{}", table.cases.len());
    let to = house.gateway.addresses().public;
    let last = format!("GET /apps HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n", table.own("last"));
    let table = Arc::new(table);
    let mut speaking = JoinSet::new();
    for first in 0..AT_A_TIME {
        let (table, last) = (Arc::clone(&table), last.clone());
        speaking.spawn(async move {
            let mut faults = Vec::new();
            for case in table.cases.iter().skip(first).step_by(AT_A_TIME) {
                faults.extend(fault(to, case, &last).await);
            }
            faults
        });
    }
    let faults = speaking.join_all().await.concat();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), table.cases.len(), faults.join("\n"));
    assert_eq!(house.asker("red").get("/apps").await.status, 200);
}
