//! The loopback redirect of a native application (RFC 8252 section 7.3): a listener on 127.0.0.1 that takes one callback.

use crate::error::{Code, Error, Result};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Longest request line that is read.
const MAX_REQUEST_LINE: u64 = 16 << 10;

/// A listener for one callback.
#[derive(Debug)]
pub struct LoopbackListener {
    listener: TcpListener,
    path: String,
}

impl LoopbackListener {
    /// Listens on 127.0.0.1 at `port` (0: any free one); the callback is expected at `path`.
    pub fn bind(port: u16, path: &str) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(
                Code::Transport,
                format!("cannot listen on 127.0.0.1:{port} for the callback: {error}"),
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(LoopbackListener { listener, path: path.to_owned() })
    }

    /// The redirect URI to begin with.
    pub fn redirect_uri(&self) -> Result<String> {
        let address = self.listener.local_addr().map_err(|error| {
            Error::new(Code::Transport, format!("the callback listener has no address: {error}"))
        })?;
        Ok(format!("http://{address}{}", self.path))
    }

    /// Waits for the callback, answers the browser with a short page, closes, and gives the callback's path and query.
    /// Blocks this thread.
    pub fn wait(self, timeout: Duration) -> Result<String> {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if let Some(target) = self.take(stream) {
                        return Ok(target);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => {
                    let text = format!("the callback listener failed: {error}");
                    return Err(Error::new(Code::Transport, text));
                }
            }
        }
        Err(Error::new(Code::Timeout, "no callback came before the deadline"))
    }

    /// The request target, if the request is the callback; anything else a browser asks for is answered and left.
    fn take(&self, mut stream: TcpStream) -> Option<String> {
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let mut line = String::new();
        let mut reader = BufReader::new(std::io::Read::take(&stream, MAX_REQUEST_LINE));
        reader.read_line(&mut line).ok()?;
        let mut parts = line.split_ascii_whitespace();
        let target = match (parts.next(), parts.next()) {
            (Some("GET"), Some(target)) => target.to_owned(),
            _ => return None,
        };
        let path = target.split('?').next().unwrap_or_default();
        let is_callback = path == self.path && target.contains('?');
        let _ = respond(&mut stream, is_callback);
        is_callback.then_some(target)
    }
}

fn respond(stream: &mut TcpStream, is_callback: bool) -> std::io::Result<()> {
    let (status, text) = if is_callback {
        ("200 OK", "The answer arrived. You can close this window and go back to the program.")
    } else {
        ("404 Not Found", "Nothing is here.")
    };
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Evergrant</title><p>{text}"
    );
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{page}",
        page.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn get(address: &str, target: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn one_callback_is_taken_and_other_requests_are_left() {
        let listener = LoopbackListener::bind(0, "/callback").unwrap();
        let uri = listener.redirect_uri().unwrap();
        let address =
            uri.strip_prefix("http://").unwrap().strip_suffix("/callback").unwrap().to_owned();
        let browser = std::thread::spawn(move || {
            let icon = get(&address, "/favicon.ico");
            (icon, get(&address, "/callback?code=c&state=s"))
        });
        let target = listener.wait(Duration::from_secs(10)).unwrap();
        assert_eq!(target, "/callback?code=c&state=s");
        let (icon, page) = browser.join().unwrap();
        assert!(icon.starts_with("HTTP/1.1 404") && page.starts_with("HTTP/1.1 200"));
    }
}
