//! Headless Chromium, told what to do through its driver (W3C WebDriver).

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PAUSE, TRIES};
use crate::installation::{Answer, Exchange};
use crate::registry_server::free_port;
use crate::tools;

/// Where drivers keep the ID of an element in an answer (WebDriver, section 11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How wide and high a window is.
#[derive(Clone, Copy)]
pub(super) struct Size(pub(super) u32, pub(super) u32);

pub(super) const DESK: Size = Size(1280, 900);
pub(super) const PHONE: Size = Size(360, 740);

/// A browser with one window; it ends when this is dropped.
pub(super) struct Browser {
    driver: Child,
    address: String,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub(super) fn start() -> Self {
        let (port, profile) = (free_port(), tempfile::tempdir().expect("a folder"));
        let mut driver = Command::new("chromedriver");
        driver.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = driver.spawn().unwrap_or_else(|error| tools::missing("chromedriver", &error));
        let address = format!("127.0.0.1:{port}");
        let session = String::new();
        let mut browser = Browser { driver, address, session, _profile: profile };
        let is_up = (0..TRIES).any(|_| {
            std::thread::sleep(PAUSE);
            browser.try_ask("GET", "/status", &Value::Null).is_some()
        });
        assert!(is_up, "chromedriver does not answer");
        browser.open_window();
        browser
    }

    fn open_window(&mut self) {
        let profile = format!("--user-data-dir={}", self._profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &profile,
        ];
        let options = json!({ "args": arguments });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options });
        let body = json!({ "capabilities": { "alwaysMatch": wanted } });
        let value = self.try_ask("POST", "/session", &body).expect("a session");
        let id = value["sessionId"].as_str();
        self.session = id.unwrap_or_else(|| panic!("chromium does not start: {value}")).to_owned();
        self.resize(DESK);
    }

    pub(super) fn go(&self, url: &str) {
        self.command("/url", &json!({ "url": url }));
    }

    pub(super) fn url(&self) -> String {
        self.script("return location.href").as_str().expect("a URL").to_owned()
    }

    /// What a script in the page returns.
    pub(super) fn script(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The same of a script that calls back.
    pub(super) fn script_later(&self, script: &str) -> Value {
        self.command("/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Waits until a script in the page returns something true.
    pub(super) fn until(&self, condition: &str) {
        let script = format!("return Boolean({condition})");
        let is_so = (0..TRIES).any(|_| {
            std::thread::sleep(PAUSE);
            self.script(&script) == true
        });
        assert!(is_so, "never {condition}:\n{}", self.text("body"));
    }

    pub(super) fn text(&self, selector: &str) -> String {
        let id = self.element(selector);
        let value = self.get(&format!("/element/{id}/text"));
        value.as_str().expect("text").to_owned()
    }

    pub(super) fn click(&self, selector: &str) {
        let id = self.element(selector);
        self.command(&format!("/element/{id}/click"), &json!({}));
    }

    pub(super) fn write(&self, selector: &str, text: &str) {
        let id = self.element(selector);
        self.command(&format!("/element/{id}/value"), &json!({ "text": text }));
    }

    /// Presses a key wherever the focus is.
    pub(super) fn press(&self, key: &str) {
        let steps = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": steps });
        self.command("/actions", &json!({ "actions": [keyboard] }));
    }

    pub(super) fn resize(&self, Size(width, height): Size) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.tell("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Has the page shown as for somebody who prefers `light` or `dark`.
    pub(super) fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.tell("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    pub(super) fn run_scripts(&self, whether: bool) {
        self.tell("Emulation.setScriptExecutionDisabled", &json!({ "value": !whether }));
    }

    /// Writes what is seen, all of the page, to a file that people look at.
    pub(super) fn picture(&self, name: &str) {
        let options = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.tell("Page.captureScreenshot", &options);
        let bytes = STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("base64");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
        fs::create_dir_all(&folder).expect("created");
        fs::write(folder.join(format!("{name}.png")), bytes).expect("written");
    }

    /// Tells the browser's own protocol.
    fn tell(&self, name: &str, parameters: &Value) -> Value {
        self.command("/goog/cdp/execute", &json!({ "cmd": name, "params": parameters }))
    }

    fn element(&self, selector: &str) -> String {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.command("/element", &body);
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", &format!("/session/{}{path}", self.session), &Value::Null)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.try_ask(method, path, body).expect("the driver answers");
        assert!(value.get("error").is_none(), "{path}: {body}: {value}");
        value
    }

    /// The `value` of an answer.
    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("Content-Type", "application/json")];
        let sent = Exchange::send(&self.address, method, path, &headers, body.as_bytes()).ok()?;
        let mut answer = whole(sent)?.json();
        Some(answer["value"].take())
    }
}

/// An answer of the driver's, which leaves connections open.
fn whole(sent: Exchange) -> Option<Answer> {
    let (mut stream, mut bytes) = (sent.into_stream(), Vec::new());
    let mut buffer = [0; 1 << 16];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(answer) = Answer::parse(&bytes) else { continue };
        let length: usize = answer.header("content-length")?.parse().ok()?;
        if answer.body.len() >= length {
            return Some(answer);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser if the session ends.
        let _ = self.try_ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
