//! Rules 1 to 7: how a source is asked, and what its answer is taken for.

use super::{ID, NUMBER, OTHER, answered, error, fetch, generous, limits, record, told};
use crate::record::{Registration, Sharing};
use crate::source::conformance::server::{Behave, Transport};
use crate::source::conformance::{Fixture, Share, Stands, Story};
use crate::source::{SourceError, SourceLimits, SourceRefusal, SourceReply};

// 1: from the first byte out to the last byte in
pub async fn rule_01_deadline_from_first_byte_to_last(fixture: &dyn Fixture) {
    let whole = told(fixture, &Story::default()).into_bytes();
    for does in [Behave::Stall, Behave::Dribble(whole)] {
        let (result, _) = fetch(fixture, limits(), does).await;
        assert!(matches!(result, Err(SourceError::Timeout(_))), "{result:?}");
    }
}

// 1: an answer over the cap is refused while it arrives
pub async fn rule_01_size_is_capped_while_it_arrives(fixture: &dyn Fixture) {
    let whole = told(fixture, &Story::default()).into_bytes();
    let limits = SourceLimits {
        max_bytes: 200 * 1024,
        ..generous()
    };
    let (result, _) = fetch(fixture, limits, Behave::Endless(whole)).await;
    assert!(
        matches!(result, Err(SourceError::TooLarge(204_800))),
        "{result:?}"
    );
}

// 1: no redirect
pub async fn rule_01_no_redirect(fixture: &dyn Fixture) {
    if fixture.transport() == Transport::Http {
        let (result, asked) = fetch(fixture, generous(), Behave::Redirect).await;
        assert!(matches!(result, Err(SourceError::Status(302))));
        assert_eq!(asked.len(), 1);
    }
}

// 2: only a connection that never stood may be tried again
pub async fn rule_02_asks_once(fixture: &dyn Fixture) {
    let whole = told(fixture, &Story::default()).into_bytes();
    let half = whole.len() / 2;
    for does in [
        Behave::Answer(whole.clone()),
        Behave::Cut(whole, half),
        Behave::Drop,
        Behave::Answer(b"\xff\xfe<<no message".to_vec()),
    ] {
        let (_, asked) = fetch(fixture, generous(), does).await;
        assert_eq!(asked.len(), 1);
    }
}

// 3
pub async fn rule_03_says_who_asks(fixture: &dyn Fixture) {
    let does = Behave::Answer(told(fixture, &Story::default()).into_bytes());
    let (_, asked) = fetch(fixture, generous(), does).await;
    let says = asked[0].contains("dr.lookup") && asked[0].contains("Z9H01");
    assert_eq!(says, fixture.names_who_asks());
}

// 4
pub async fn rule_04_number_in_the_body_alone(fixture: &dyn Fixture) {
    let does = Behave::Answer(told(fixture, &Story::default()).into_bytes());
    let (_, asked) = fetch(fixture, generous(), does).await;
    let (head, body) = asked[0].split_once("\r\n\r\n").unwrap_or(("", &asked[0]));
    assert!(body.contains(NUMBER) && !head.contains(NUMBER));
    assert_eq!(fixture.id_of(body).as_deref(), Some(ID));
}

// 5
pub async fn rule_05_the_answer_belongs_to_the_question(fixture: &dyn Fixture) {
    let story = Story::default();
    let somebody = Story {
        nhs_number: OTHER,
        ..Story::default()
    };
    for text in [
        fixture.answer(&story, Some("0190aaaa-0000-7000-8000-000000000000")),
        fixture.answer(&story, None),
        told(fixture, &somebody),
    ] {
        let error = error(fixture, &text).await;
        assert!(matches!(error, SourceError::Mismatch(_)), "{error}");
    }
}

// 6
pub async fn rule_06_refusals_are_no_errors_and_no_records(fixture: &dyn Fixture) {
    let all = fixture.refusals(ID);
    assert!(
        all.iter()
            .any(|(_, r)| *r == Some(SourceRefusal::NoSuchPatient))
    );
    assert!(all.iter().any(|(_, r)| *r == Some(SourceRefusal::Dissent)));
    assert!(all.iter().any(|(_, r)| r.is_none()));
    for (text, means) in all {
        match (answered(fixture, &text).await, means) {
            (Ok(SourceReply::Refused(said)), Some(means)) => assert_eq!(said, means),
            (Err(SourceError::Fault(_)), None) => {}
            (other, means) => panic!("{means:?}: {other:?}"),
        }
    }
}

// 6: empty is not failed
pub async fn rule_06_an_empty_record_is_a_record(fixture: &dyn Fixture) {
    let record = record(fixture, &Story::of(Vec::new())).await;
    assert!(record.entries.is_empty() && record.missing.is_empty());
    assert_eq!(record.standing.registration, Registration::Full);
    assert_eq!(record.standing.sharing, Sharing::Implied);
}

// 7
pub async fn rule_07_what_is_not_said_is_unknown(fixture: &dyn Fixture) {
    for share in [Share::NotSaid, Share::Strange] {
        let story = Story {
            share,
            ..Story::default()
        };
        let record = record(fixture, &story).await;
        assert_eq!(record.standing.sharing, Sharing::Unknown, "{share:?}");
    }
    let story = Story {
        share: Share::Dissent,
        ..Story::default()
    };
    match answered(fixture, &told(fixture, &story)).await {
        Ok(SourceReply::Refused(SourceRefusal::Dissent)) => {}
        Ok(SourceReply::Record(record)) => {
            assert_eq!(record.standing.sharing, Sharing::OptedOut);
        }
        other => panic!("{other:?}"),
    }
    for stands in [Stands::Temporary, Stands::Left, Stands::NotSaid] {
        let story = Story {
            stands,
            ..Story::default()
        };
        let said = record(fixture, &story).await.standing.registration;
        let expected = match stands {
            Stands::Temporary => Registration::Temporary,
            Stands::Left => Registration::Ended,
            _ => Registration::Unknown,
        };
        assert_eq!(said, expected);
    }
}
