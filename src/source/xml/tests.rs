//! What is read, and every refusal with its reason and position.

use super::*;

fn tree(xml: &str) -> Result<Element, XmlError> {
    let mut pull = Pull::new(xml.as_bytes())?;
    let root = pull.child_of(0)?.unwrap();
    let element = pull.element(root)?;
    pull.finish()?;
    Ok(element)
}

fn refused(xml: &[u8]) -> XmlError {
    let read = || {
        let mut pull = Pull::new(xml)?;
        while pull.next_start()?.is_some() {}
        Ok(())
    };
    read().expect_err("must be refused")
}

#[test]
fn reads_names_attributes_text_and_entities() {
    let e = tree(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><!-- c --><a:r xmlns:a='u' x='1 &amp; 2' a:y=' '>\
         <b>  one &lt;two&gt; &#x41;<![CDATA[<&]]></b><b/><c><d>deep</d></c></a:r>",
    )
    .unwrap();
    assert_eq!(e.name, "r");
    assert_eq!(e.attr("x"), Some("1 & 2"));
    assert_eq!(e.attr("y"), None);
    assert_eq!(e.text_of("b"), Some("one <two> A<&"));
    assert_eq!(e.children("b").count(), 2);
    assert_eq!(e.at(&["c", "d"]).and_then(Element::own_text), Some("deep"));
    assert_eq!(e.text_of("none"), None);
}

#[test]
fn streams_children_and_passes_over_what_is_not_read() {
    let mut pull =
        Pull::new(b"<r><x><y><z/></y></x><i>1</i><l><i>2</i><i>3</i></l><i>4</i></r>").unwrap();
    let root = pull.child_of(0).unwrap().unwrap();
    let mut seen = Vec::new();
    while let Some(start) = pull.child_of(root.depth).unwrap() {
        if start.name == "l" {
            while let Some(item) = pull.child_of(start.depth).unwrap() {
                seen.push(pull.element(item).unwrap().text);
            }
        } else if start.name == "i" {
            seen.push(pull.element(start).unwrap().text);
        }
    }
    assert_eq!(seen, ["1", "2", "3", "4"]);
    assert!(pull.child_of(root.depth).unwrap().is_none());
    pull.finish().unwrap();
}

#[test]
fn tells_what_nobody_asked_for() {
    let e = tree("<r a='1' b='2'><c>x</c><d><e>y</e><f>z</f></d><g/><h><i/></h></r>").unwrap();
    let _ = (e.attr("a"), e.at(&["d", "e"]));
    let mut left = Vec::new();
    e.unread(&mut |path| left.push(path.to_owned()));
    assert_eq!(left, ["@b", "c", "d/f"]);
}

#[test]
fn passes_over_bulky_content_without_counting_it() {
    let big = "x".repeat(3000);
    let xml = format!("<r><data><binary>{big}</binary>{big}</data><name>n</name></r>");
    let caps = Caps {
        text_bytes: 100,
        item_bytes: 200,
        ..Caps::default()
    };
    let mut pull = Pull::with_caps(xml.as_bytes(), caps).unwrap();
    let root = pull.child_of(0).unwrap().unwrap();
    let e = pull.element_without(root, &["data"]).unwrap();
    assert!(e.child("data").unwrap().passed_over);
    assert_eq!(e.text_of("name"), Some("n"));
    let mut pull = Pull::with_caps(xml.as_bytes(), caps).unwrap();
    let root = pull.child_of(0).unwrap().unwrap();
    assert!(pull.element(root).is_err());
}

// design.md 11: every refusal has its reason and position, and quotes nothing.
#[test]
fn refuses_what_it_must() {
    let deep = "<a>".repeat(100) + &"</a>".repeat(100);
    let many: String = (0..100).map(|n| format!(" a{n}='1'")).collect();
    let many = format!("<a{many}/>");
    let huge = format!("<a b='{}'/>", "x".repeat(100_000));
    let cases: &[(&[u8], &str, u64)] = &[
        (b"<!DOCTYPE a><a/>", "document type", 0),
        (
            b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
            "document type",
            0,
        ),
        (b"<a>&e;</a>", "entity", 3),
        (b"<a b='&e;'/>", "entity", 0),
        (b"<a>&#1;</a>", "control", 3),
        (b"<a b='&#x8;'/>", "control", 0),
        (b"<a>\x01</a>", "control", 3),
        (b"<a>\x00</a>", "control", 3),
        (b"<a>\xff</a>", "UTF-8", 3),
        (
            b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
            "encoding",
            0,
        ),
        (b"<?xml version='1.1'?><a/>", "version", 0),
        (b"\xff\xfe<\x00a\x00", "UTF-8", 0),
        (b"<a><b></a>", "match", 6),
        (b"<a>", "end inside", 3),
        (b"<a", "does not end", 0),
        (b"<a/><b/>", "second root", 4),
        (b"<a/>x", "outside", 4),
        (b"", "no root", 0),
        (b"<a b='1' b='2'/>", "attribute", 0),
        (b"<a b=1/>", "attribute", 0),
        (b"<>x</>", "name", 0),
        (b" <?xml version='1.0'?><a/>", "declaration", 1),
        (deep.as_bytes(), "deeply", 192),
        (many.as_bytes(), "too many", 0),
        (huge.as_bytes(), "size cap", 0),
    ];
    for (xml, what, position) in cases {
        let error = refused(xml);
        assert!(error.what.contains(what), "{error} for {what}");
        assert_eq!(error.position, *position, "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        if let Ok(mut pull) = Pull::new(&bytes) {
            while let Ok(Some(start)) = pull.next_start() {
                let _ = pull.element(start);
            }
        }
    }

    #[test]
    fn never_panics_on_markup(text in "[<>/a&;='\"!?x\\-\\[\\] ]{0,80}") {
        if let Ok(mut pull) = Pull::new(text.as_bytes()) {
            while let Ok(Some(start)) = pull.next_start() {
                let _ = pull.element(start);
            }
        }
    }
}
