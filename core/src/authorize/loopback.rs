//! The loopback redirect of a native application (RFC 8252 section 7.3): a listener on 127.0.0.1 that takes one callback.

use crate::error::{Code, Error, Result};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Longest request line that is read.
const MAX_REQUEST_LINE: usize = 16 << 10;

/// How long one connection may keep the others waiting.
const PATIENCE: Duration = Duration::from_secs(1);

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
                    if let Some(target) = self.take(stream, deadline) {
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
    fn take(&self, mut stream: TcpStream, deadline: Instant) -> Option<String> {
        stream.set_nonblocking(false).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        let line = request_line(&mut stream, deadline.min(Instant::now() + PATIENCE))?;
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

/// The first line that comes until `deadline`; browsers open connections on which they send nothing.
fn request_line(stream: &mut TcpStream, deadline: Instant) -> Option<String> {
    let (mut line, mut piece) = (Vec::new(), [0; 8 << 10]);
    while !line.contains(&b'\n') && line.len() < MAX_REQUEST_LINE {
        let left = deadline.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left)).ok()?; // refused when no time is left
        match stream.read(&mut piece).ok()? {
            0 => return None,
            length => line.extend_from_slice(&piece[..length]),
        }
    }
    let end = line.iter().position(|&byte| byte == b'\n')?;
    line.truncate(end);
    String::from_utf8(line).ok()
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

    fn get(address: &str, target: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_connection_on_which_nothing_comes_keeps_nobody_beyond_the_deadline() {
        let listener = LoopbackListener::bind(0, "/callback").unwrap();
        let address = listener.listener.local_addr().unwrap();
        let _silent = TcpStream::connect(address).unwrap();
        let begun = Instant::now();
        let error = listener.wait(Duration::from_millis(200)).unwrap_err();
        assert_eq!(error.code(), Code::Timeout);
        assert!(begun.elapsed() < Duration::from_millis(300), "{:?}", begun.elapsed());
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
