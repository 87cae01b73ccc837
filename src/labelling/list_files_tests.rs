use super::*;
use crate::record::system;

fn category(code: &str) -> Category {
    Category {
        code: code.to_owned(),
        title: "A title".to_owned(),
        act_codes: vec!["SEX".to_owned()],
        legal_basis: "S2 5.3.2".to_owned(),
        withhold: true,
    }
}

fn builder() -> Builder {
    Builder::new(vec![category("sti"), category("hiv")]).unwrap()
}

fn appendix(lines: &str, count: usize) -> Result<Builder, ListError> {
    let text =
        format!("n,term,category,read_v2,include_descendants,ctv3,snomed,confidence\n{lines}\n");
    let mut it = builder();
    it.appendix("a.csv", count, &text).map(|()| it)
}

// R041, R048: a category without meaning, or with two, would label nothing
#[test]
fn a_category_is_defined_once_and_whole() {
    assert!(Builder::new(vec![category("sti"), category("hiv")]).is_ok());
    assert!(Builder::new(vec![category("sti"), category("hiv"), category("sti")]).is_err());
    let changes: [fn(&mut Category); 4] = [
        |it| it.code.clear(),
        |it| it.title.clear(),
        |it| it.act_codes.clear(),
        |it| it.legal_basis.clear(),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut hollow = category("hiv");
        change(&mut hollow);
        assert!(
            matches!(
                Builder::new(vec![category("sti"), hollow]),
                Err(ListError::Category(_))
            ),
            "case {n}"
        );
    }
}

// R049: one bad line of the appendix refuses the whole
#[test]
fn one_bad_line_of_the_appendix_refuses_all() {
    for good in [
        "1,Term,sti,A78..,yes,A788.,62479008,verified",
        "1,Term,sti,A78..,no,,,likely",
        "1,Term,sti,,no,A788.,,unknown",
        "1,Term,sti,,no,,62479008 56265001,verified",
    ] {
        assert!(appendix(good, 1).is_ok(), "{good}");
    }
    for bad in [
        "1,Term,sti,A78..,perhaps,A788.,62479008,verified",
        "1,Term,sti,A78..,,A788.,62479008,verified",
        "1,Term,sti,A78..,yes,A788.,62479008,certain",
        "1,Term,sti,A7-..,yes,A788.,62479008,verified",
        "1,Term,sti,A78..,yes,A788zz,62479008,verified",
        "1,Term,sti,A78..,yes,A788.,62479009,verified",
        "1,Term,sti,A78..,yes,A788.,62479008 6.2E+07,verified",
        "1,Term,sti,,yes,,,verified",
        "1,Term,other,A78..,yes,A788.,62479008,verified",
        "1,Term,sti,A78..,yes",
    ] {
        assert!(appendix(bad, 1).is_err(), "{bad}");
    }
    let twice = "1,Term,sti,A78..,yes,,,verified\n1,Other,hiv,A79..,yes,,,verified";
    assert!(matches!(appendix(twice, 2), Err(ListError::Code { .. })));
    assert!(matches!(
        appendix("1,Term,sti,A78..,no,,,likely", 2),
        Err(ListError::Count { found: 1, .. })
    ));
    assert!(matches!(appendix("", 0), Err(ListError::Empty(_))));
}

fn rows(it: &Builder, uri: &str, code: &str) -> Vec<usize> {
    let mut found = Vec::new();
    it.matcher.rows(uri, code, &mut found);
    found
}

// R040: descendants are listed by themselves, additions by their own terminology
#[test]
fn descendants_and_additions_go_with_their_line() {
    let mut it = appendix("7,Term,sti,A78..,no,A788.,,verified", 1).unwrap();
    it.descendants("d.csv", 1, "n,read_v2,ctv3\n7,A785.,A785.\n")
        .unwrap();
    assert_eq!(rows(&it, system::READ_V2, "A785."), [0]);
    assert!(
        rows(&it, system::READ_V2, "A7851").is_empty(),
        "the code, not what is below it"
    );
    for bad in [
        "8,A785.,A785.",
        "7,A7-5.,A785.",
        "7,A785.,A785zz",
        "7,A785.,",
    ] {
        let text = format!("n,read_v2,ctv3\n{bad}\n");
        assert!(it.descendants("d.csv", 1, &text).is_err(), "{bad}");
    }
    let additions = |it: &mut Builder, line: &str| {
        let text = format!("n,system,code,include_descendants\n{line}\n");
        it.additions("x.csv", 1, &text)
    };
    for good in [
        "7,readv2,L08..,yes",
        "7,readv2,L0A..,no",
        "7,ctv3,XE2td,no",
        "7,snomed,56265001,no",
    ] {
        assert!(additions(&mut it, good).is_ok(), "{good}");
    }
    assert_eq!(rows(&it, system::READ_V2, "L081."), [0]);
    assert!(rows(&it, system::READ_V2, "L0A1.").is_empty());
    assert_eq!(rows(&it, system::CTV3, "XE2td"), [0]);
    assert_eq!(rows(&it, system::SNOMED, "56265001"), [0]);
    for bad in [
        "8,readv2,L08..,yes",
        "7,readv2,L08..,perhaps",
        "7,readv2,L-8..,yes",
        "7,ctv3,XE2td,yes",
        "7,ctv3,XE2tdd,no",
        "7,snomed,56265001,yes",
        "7,snomed,56265002,no",
        "7,icd10,A78,no",
    ] {
        assert!(additions(&mut it, bad).is_err(), "{bad}");
    }
}
