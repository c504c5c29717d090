//! Requests that a scripted server passes on to another.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::scripted_server::{Reply, Request, ScriptedServer};

/// A server before another, which is at `address` and whose answers are had by a call: `answer` may spoil them, or give its own.
pub(crate) fn server_before(
    address: String,
    answer: impl Fn(&Request, &dyn Fn() -> Reply) -> Reply + Send + Sync + 'static,
) -> ScriptedServer {
    ScriptedServer::start(move |request| {
        let own = || passed_on(&address, request).unwrap_or_else(|_| Reply::hang_up());
        answer(request, &own)
    })
}

/// Asks the server at `address` the same. HTTP/1.0 has bodies in one piece.
fn passed_on(address: &str, request: &Request) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    let mut head = format!("{} {} HTTP/1.0\r\nHost: {address}\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        if ["accept", "range"].contains(&name.to_lowercase().as_str()) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    input.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(502);
    let mut reply = Reply::status(status);
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if !name.eq_ignore_ascii_case("connection") {
            reply = reply.header(name, value.trim());
        }
    }
    let mut body = Vec::new();
    input.read_to_end(&mut body)?;
    Ok(reply.body(body))
}
