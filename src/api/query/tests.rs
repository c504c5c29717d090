use proptest::prelude::*;

use super::*;

const HOST: &str = "registry.example.com";
const HEX: &str = "0123456789abcdef0123456789abcdef";
const OTHER_HEX: &str = "fedcba9876543210fedcba9876543210";

fn digest() -> String {
    Digest::of(b"a manifest").to_string()
}

fn source() -> String {
    format!("src={HOST}/v2/{HEX}@{}", digest())
}

fn parse(query: &str) -> Result<DeltaQuery, QueryError> {
    DeltaQuery::parse(query, HOST)
}

/// What becomes of this text as `dest`.
fn target(text: &str) -> Result<NamedImage, QueryError> {
    parse(&format!("{}&dest={text}", source())).map(|query| query.target)
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn tag(tag: &str) -> ImageVersion {
    ImageVersion::Tag(tag.to_owned())
}

#[test]
fn every_form_of_the_note_is_understood_encoded_or_not() {
    let by_digest = ImageVersion::Digest(Digest::of(b"a manifest"));
    for (rest, repository, version) in [
        (format!("v2/{HEX}@{}", digest()), format!("v2/{HEX}"), by_digest.clone()),
        (format!("v2/{HEX}:latest"), format!("v2/{HEX}"), tag("latest")),
        (format!("v2/{HEX}"), format!("v2/{HEX}"), tag("latest")),
        (format!("v2/{HEX}-1:latest"), format!("v2/{HEX}-1"), tag("latest")),
        (format!("v2/{HEX}-12@{}", digest()), format!("v2/{HEX}-12"), by_digest.clone()),
        (
            format!("v2/{HEX}:delta-0123456789abcdef"),
            format!("v2/{HEX}"),
            tag("delta-0123456789abcdef"),
        ),
        (format!("v2/{HEX}:a@{}", digest()), format!("v2/{HEX}"), by_digest),
        ("app".to_owned(), "app".to_owned(), tag("latest")),
        ("library/app:1.0".to_owned(), "library/app".to_owned(), tag("1.0")),
    ] {
        let text = format!("{HOST}/{rest}");
        let expected = NamedImage { repository, version, text: text.clone() };
        assert_eq!(target(&text), Ok(expected.clone()), "{text}");
        assert_eq!(target(&percent_encoded(&text)), Ok(expected.clone()), "{text}");
        assert_eq!(target(&text.replace('/', "%2f").replace('@', "%40")), Ok(expected));
    }
}

#[test]
fn the_configured_host_may_have_a_port_or_no_dot() {
    for host in
        ["registry.example.com:5000", "127.0.0.1:5000", "localhost", "registry", "[::1]:5000"]
    {
        let query = format!("src={host}/v2/{HEX}&dest={host}/v2/{OTHER_HEX}");
        let parsed = DeltaQuery::parse(&query, host).expect(host);
        assert_eq!(parsed.source.repository, format!("v2/{HEX}"));
        assert_eq!(parsed.target.repository, format!("v2/{OTHER_HEX}"));
        assert!(!parsed.wait);
    }
}

#[test]
fn host_names_have_no_case_and_are_told_back_as_they_were_asked() {
    let text = format!("Registry.EXAMPLE.com/v2/{HEX}");
    assert_eq!(target(&text).map(|image| image.text), Ok(text));
}

#[test]
fn order_and_other_parameters_do_not_matter() {
    let dest = format!("dest={HOST}/v2/{OTHER_HEX}");
    let query = format!("&a=b&{dest}&&c&x=%41&{}&Src=1", source());
    assert_eq!(parse(&query), parse(&format!("{}&{dest}", source())));
    assert!(parse(&query).is_ok());
}

#[test]
fn wait_is_yes_no_or_refused() {
    let pair = format!("{}&dest={HOST}/app", source());
    for (wait, expected) in [
        ("", Ok(false)),
        ("&wait=true", Ok(true)),
        ("&wait=1", Ok(true)),
        ("&w%61it=t%72ue", Ok(true)),
        ("&wait=false", Ok(false)),
        ("&wait=0", Ok(false)),
        ("&wait=", Ok(false)),
        ("&wait", Ok(false)),
        ("&wait=TRUE", Err(QueryError::Wait)),
        ("&wait=yes", Err(QueryError::Wait)),
        ("&wait=true%00", Err(QueryError::Wait)),
        ("&wait=true&wait=true", Err(QueryError::Repeated("wait"))),
        ("&wait=true&wai%74=false", Err(QueryError::Repeated("wait"))),
    ] {
        assert_eq!(parse(&format!("{pair}{wait}")).map(|query| query.wait), expected, "{wait}");
    }
}

#[test]
fn what_is_missing_empty_or_repeated_is_refused() {
    let dest = format!("dest={HOST}/app");
    let src = source();
    for (query, expected) in [
        (String::new(), QueryError::Missing("src")),
        ("&&&".to_owned(), QueryError::Missing("src")),
        ("=".to_owned(), QueryError::Missing("src")),
        (dest.clone(), QueryError::Missing("src")),
        (src.clone(), QueryError::Missing("dest")),
        (format!("src&{dest}"), QueryError::Missing("src")),
        (format!("src=&{dest}"), QueryError::Missing("src")),
        (format!("{src}&dest="), QueryError::Missing("dest")),
        (format!("SRC={HOST}/app&{dest}"), QueryError::Missing("src")),
        (format!("src[]={HOST}/app&{dest}"), QueryError::Missing("src")),
        (
            format!("{src};{dest}"),
            QueryError::Reference {
                parameter: "src",
                reference: source()["src=".len()..][..SHOWN].to_owned(),
            },
        ),
        (format!("{src}&{src}&{dest}"), QueryError::Repeated("src")),
        (format!("{src}&{dest}&{dest}"), QueryError::Repeated("dest")),
        (format!("{src}&s%72c=&{dest}"), QueryError::Repeated("src")),
        (format!("src=&{src}&{dest}"), QueryError::Repeated("src")),
    ] {
        assert_eq!(parse(&query), Err(expected), "{query}");
    }
}

#[test]
fn images_named_one_by_one_are_held_to_the_same_rules() {
    let (source, dest) = (format!("{HOST}/v2/{HEX}"), format!("{HOST}/v2/{OTHER_HEX}"));
    let query = parse(&format!("src={source}&dest={dest}"));
    assert_eq!(DeltaQuery::of(&source, &dest, HOST), query);
    assert_eq!(DeltaQuery::of("", &dest, HOST), Err(QueryError::Missing("src")));
    let numeric = QueryError::NumericId { parameter: "dest" };
    assert_eq!(DeltaQuery::of(&source, "7", HOST), Err(numeric));
    let encoded = DeltaQuery::of(&source, &percent_encoded(&dest), HOST);
    assert!(matches!(encoded, Err(QueryError::Reference { parameter: "dest", .. })));
}

#[test]
fn odd_encodings_are_refused() {
    for text in
        ["%", "%2", "%zz", "%+1", "%%41", "a%", "%ff", "%c3%28", "%ed%a0%80", "%f8%88%80%80%80"]
    {
        let query = format!("{}&dest={HOST}/{text}", source());
        assert_eq!(parse(&query), Err(QueryError::Encoding), "{text}");
        assert_eq!(parse(&format!("{text}=1")), Err(QueryError::Encoding), "{text}");
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let longest = format!("{HOST}/{}:{}@{}", "a".repeat(255), "t".repeat(128), digest());
    assert!(target(&longest).is_ok());
    assert!(target(&percent_encoded(&longest)).is_ok());
    for text in [
        format!("{HOST}/{}", "a".repeat(256)),
        format!("{HOST}/{}", "a/".repeat(400) + "a"),
        format!("{HOST}/app:{}", "t".repeat(129)),
        format!("{HOST}/app@sha256:{}", "0".repeat(65)),
    ] {
        assert!(matches!(target(&text), Err(QueryError::Reference { .. })), "{text}");
    }
    assert_eq!(target(&"a".repeat(MAX_QUERY)), Err(QueryError::TooLong));
    assert_eq!(parse(&"&".repeat(MAX_QUERY + 1)), Err(QueryError::TooLong));
}

#[test]
fn numeric_image_ids_are_refused_by_name() {
    for text in ["0", "1234567", "%31%32"] {
        let error = target(text).expect_err(text);
        assert_eq!(error, QueryError::NumericId { parameter: "dest" });
        assert!(error.to_string().starts_with("dest is a numeric image id"), "{error}");
    }
}

#[test]
fn no_other_host_gets_past() {
    for host in [
        "",
        "evil.example",
        "docker.io",
        "registry.example.com:443",
        "registry.example.com:80",
        "registry.example.com:",
        "registry.example.com.",
        ".registry.example.com",
        "registry.example.com.evil.example",
        "evil-registry.example.com",
        "registry.example.co",
        "user@registry.example.com",
        "registry.example.com@evil.example",
        "user:password@registry.example.com",
        "registry.example.com:password@evil.example",
        "registry.example.com%2509",
        "registry.example.com\\evil.example",
        "registry.example.com#evil.example",
        "registry.example.com?evil.example",
        "%20registry.example.com",
        "registry.example.com%20",
        "registry.example.com%00",
        "registry.example.com%0a",
        "registry.example.com%0d%0aHost:evil.example",
        "registry%E3%80%82example.com",
        "r%D0%B5gistry.example.com",
        "reg%C4%B1stry.example.com",
        "127.0.0.1",
        "[::1]",
        "http:",
        "https:",
        "docker:",
        "file:",
    ] {
        for rest in [format!("v2/{HEX}"), format!("/{HOST}/v2/{HEX}"), String::new()] {
            let result = target(&format!("{host}/{rest}"));
            let refused =
                matches!(result, Err(QueryError::OtherHost { .. } | QueryError::Reference { .. }));
            assert!(refused, "{host}/{rest}: {result:?}");
        }
    }
}

#[test]
fn what_is_no_reference_is_refused() {
    let bare = ["app", HEX, HOST, "registry.example.com:5000", "..", "@", ":"];
    let below = [
        "",
        "/",
        "//",
        "/v2/app",
        "v2//app",
        "v2/app/",
        ".",
        "..",
        "../app",
        "v2/../app",
        "v2/./app",
        "v2/..%2fapp",
        "v2%2f..%2fapp",
        "v2/%252e%252e/app",
        "v2\\app",
        "v2/App",
        "V2/app",
        "v2/app_",
        "v2/-app",
        "v2/a___b",
        "v2/a..b",
        "v2/app:",
        "v2/app:.tag",
        "v2/app:-tag",
        "v2/app:a:b",
        "v2/app:a/b",
        "v2/app:../x",
        "v2/app:%C3%A9",
        "v2/app:%D9%A3",
        "v2/%C3%A9",
        "v2/app%00",
        "v2/app%00:latest",
        "v2/app%0a",
        "v2/app%0d%0aX:y",
        "v2/app%20",
        "v2/app+b",
        "v2/app?x=y",
        "v2/app%3fx=y",
        "v2/app%23x",
        "v2/app%26src=x",
        "v2/app@",
        "v2/app@latest",
        "v2/app@sha256:",
        "v2/app@sha256:00",
        "v2/app@SHA256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "v2/app@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "v2/app@md5:0123456789abcdef0123456789abcdef",
        "v2/app@sha512:0123456789abcdef0123456789abcdef",
        "v2/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:latest",
        "user@v2/app",
        "{app}",
        "%3Cscript%3E",
        "'or'1'='1",
    ];
    let below = below.map(|rest| format!("{HOST}/{rest}"));
    for text in below.into_iter().chain(bare.map(str::to_owned)) {
        let result = target(&text);
        assert!(
            matches!(result, Err(QueryError::Reference { parameter: "dest", .. })),
            "{text}: {result:?}"
        );
    }
}

#[test]
fn a_refusal_is_one_short_line() {
    let hostile = format!("evil.example/%0d%0aSet-Cookie:%1b[31m{}", "x".repeat(600));
    for query in [format!("src={hostile}"), format!("src={HOST}/{hostile}")] {
        let text = parse(&query).expect_err("refused").to_string();
        assert!(text.len() < 300 && !text.contains(char::is_control), "{text}");
    }
}

#[test]
fn a_password_before_the_host_is_not_told_back() {
    for host in [HOST, "evil.example"] {
        let text =
            target(&format!("ann:hunter2@{host}/v2/{HEX}")).expect_err("refused").to_string();
        assert!(
            text.contains(host) && !text.contains("ann") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(query in "\\PC*", host in "[ -~]{0,20}") {
        let _ = DeltaQuery::parse(&query, &host);
    }

    #[test]
    fn what_is_taken_is_the_asked_image_of_the_configured_host(
        src in "[A-Za-z0-9:/@%._+&=-]{0,80}",
        dest in "[A-Za-z0-9:/@%._+&=-]{0,80}",
    ) {
        if let Ok(query) = parse(&format!("src={HOST}/{src}&dest={HOST}/{dest}")) {
            for image in [query.source, query.target] {
                let rest = image.text.strip_prefix("registry.example.com/").expect("our host");
                prop_assert!(rest.starts_with(&image.repository));
                prop_assert!(!image.repository.contains("..") && !image.repository.contains("//"));
            }
        }
    }

    #[test]
    fn percent_encoding_changes_nothing(text in "[a-z0-9:/@._-]{1,60}") {
        let text = format!("{HOST}/{text}");
        prop_assert_eq!(target(&percent_encoded(&text)), target(&text));
    }
}
