use super::*;
use crate::record::SourceFamily;
use crate::release::Bits;
use crate::release::fixture as f;
use crate::tabs::catalogue::Tab;
use proptest::prelude::*;

fn held() -> Arc<Held> {
    Arc::new(f::held(f::record(SourceFamily::Emis, f::ordinary())))
}

/// A sight that owns its scopes.
#[derive(Debug, Clone)]
struct Whose {
    tabs: TabSet,
    scopes: ScopeSet,
    interaction: Interaction,
}

impl Whose {
    fn new(tabs: TabSet, scopes: &str) -> Self {
        Self {
            tabs,
            scopes: ScopeSet::parse_granted(scopes),
            interaction: Interaction::Search,
        }
    }

    fn of(&self, held: &Arc<Held>) -> Released {
        let sight = Sight {
            tabs: self.tabs,
            scopes: &self.scopes,
            interaction: self.interaction,
        };
        sight.of(held)
    }
}

fn seen(released: &Released) -> Vec<usize> {
    released.entries().map(|(n, _)| n).collect()
}

const SOME: &str = "system/Patient.rs system/Condition.rs";

#[test]
fn the_same_sight_of_the_same_record_is_worked_out_once() {
    let held = held();
    let whose = Whose::new(TabSet::ALL, SOME);
    let first = whose.of(&held);
    assert!(first.shares_view(&whose.of(&held)));
    // A record looked up again is another record.
    assert!(!first.shares_view(&whose.of(&self::held())));
}

// R034, R111: what was worked out for one caller is nobody else's
#[test]
fn other_tabs_other_scopes_and_another_interaction_are_other_sights() {
    let held = held();
    let wide = Whose::new(TabSet::ALL, SOME);
    let problems: TabSet = [Tab::Problems].into_iter().collect();
    let granular = "system/Patient.rs system/Condition.rs?category=encounter-diagnosis";
    let others = [
        Whose::new(TabSet::NONE, SOME),
        Whose::new(problems, SOME),
        Whose::new(TabSet::ALL, "system/Patient.rs"),
        Whose::new(TabSet::ALL, "system/Patient.rs system/Condition.s"),
        Whose::new(TabSet::ALL, granular),
        Whose {
            interaction: Interaction::Read,
            ..wide.clone()
        },
    ];
    let before = seen(&wide.of(&held));
    for other in &others {
        let released = other.of(&held);
        assert!(!released.shares_view(&wide.of(&held)), "{other:?}");
        // Kept or not, it is what a fresh record shows to it.
        assert_eq!(seen(&released), seen(&other.of(&self::held())), "{other:?}");
        assert_eq!(released.tabs(), other.tabs);
    }
    let granular = seen(&others[4].of(&held));
    assert!(granular.len() < before.len() && !granular.is_empty());
    assert!(seen(&others[0].of(&held)).len() < before.len());
    assert_eq!(seen(&wide.of(&held)), before);
}

// R034, R111: by type, by interaction and by condition, exactly what the scopes name is seen, and nothing beside it
#[test]
fn exactly_what_the_scopes_name_is_seen() {
    let held = held();
    let kinds = |scopes: &str, interaction| {
        let mut whose = Whose::new(TabSet::ALL, scopes);
        whose.interaction = interaction;
        let mut kinds: Vec<Kind> = whose.of(&held).entries().map(|(_, it)| it.kind()).collect();
        kinds.dedup();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    let (read, search) = (Interaction::Read, Interaction::Search);
    for (scopes, interaction, expected) in [
        ("system/Patient.rs", search, vec![Kind::Patient]),
        ("system/Condition.rs", search, vec![Kind::Condition]),
        ("system/Condition.r", read, vec![Kind::Condition]),
        ("system/Condition.s", read, vec![]),
        ("system/Condition.s", search, vec![Kind::Condition]),
        (
            "system/Condition.s system/Encounter.r",
            search,
            vec![Kind::Condition, Kind::Encounter],
        ),
        ("system/Immunization.rs", search, vec![]),
        ("", search, vec![]),
    ] {
        let mut expected = expected;
        expected.sort();
        assert_eq!(
            kinds(scopes, interaction),
            expected,
            "{scopes} {interaction:?}"
        );
    }
    let ids = |scopes: &str| -> Vec<String> {
        let released = Whose::new(TabSet::ALL, scopes).of(&held);
        let ids = released.entries().map(|(_, it)| it.id().to_owned());
        ids.collect()
    };
    assert_eq!(ids("system/Condition.rs?code=H33.."), [f::id("asthma")]);
    assert_eq!(ids("system/Condition.rs?code=90560007"), [f::id("gout")]);
    assert!(ids("system/Condition.rs?code=12345").is_empty());
    assert!(ids("system/Condition.rs?category=H33..").is_empty());
    assert_eq!(ids("system/Condition.rs").len(), 2);
}

// Two who asked at the same moment made the same: one of both is kept
#[test]
fn a_view_is_kept_once() {
    let held = held();
    let scopes = ScopeSet::parse_granted(SOME);
    let sight = Sight {
        tabs: TabSet::ALL,
        scopes: &scopes,
        interaction: Interaction::Search,
    };
    let (one, other) = (sight.look(&held), sight.look(&held));
    held.views().keep(&sight, &one);
    held.views().keep(&sight, &other);
    assert_eq!(held.views().0.lock().unwrap().len(), 1);
    let kept = held.views().find(&sight).unwrap();
    assert!(Arc::ptr_eq(&kept, &one));
}

#[test]
fn only_so_many_views_are_kept() {
    let held = held();
    let none = Whose::new(TabSet::from_bits(0), SOME);
    let first = none.of(&held);
    for bits in 1..=KEPT {
        let bits = TabSet::from_bits(bits.try_into().unwrap());
        assert_eq!(Whose::new(bits, SOME).of(&held).tabs(), bits);
    }
    assert_eq!(held.views().0.lock().unwrap().len(), KEPT);
    let again = none.of(&held);
    assert!(!first.shares_view(&again));
    assert_eq!(seen(&first), seen(&again));
}

#[test]
fn a_view_has_each_type_as_the_whole_shows_it() {
    let held = held();
    let problems: TabSet = [Tab::Problems].into_iter().collect();
    for tabs in [TabSet::ALL, problems] {
        let released = Whose::new(tabs, SOME).of(&held);
        for kind in KINDS {
            let mut whole = Bits::none(held.len());
            for (n, _) in released.entries().filter(|(_, it)| it.kind() == kind) {
                whole.insert(n);
            }
            assert_eq!(released.of_kind(kind), whole, "{kind:?}");
        }
    }
}

/// Scopes that overlap, that differ in a single letter or condition, and that name nothing of this record.
const POOL: [&str; 14] = [
    "system/Patient.rs",
    "system/Patient.r",
    "patient/Patient.rs",
    "system/Condition.rs",
    "system/Condition.r",
    "system/Condition.s",
    "system/Condition.rs?category=problem-list-item",
    "system/Condition.rs?category=encounter-diagnosis",
    "system/Condition.rs?code=H33..",
    "user/Condition.s?code=90560007",
    "system/Observation.rs",
    "system/List.rs",
    "system/Encounter.read",
    "system/Practitioner.rs",
];

fn whose() -> impl Strategy<Value = Whose> {
    let scopes = proptest::collection::vec(0..POOL.len(), 0..4);
    let few_tabs = prop_oneof![
        Just(0_u16),
        Just(1 << 2),
        Just(1 << 4),
        0..1024_u16,
        Just(1023)
    ];
    (few_tabs, scopes, any::<bool>()).prop_map(|(tabs, scopes, reads)| {
        let scopes: Vec<&str> = scopes.into_iter().map(|n| POOL[n]).collect();
        Whose {
            interaction: if reads {
                Interaction::Read
            } else {
                Interaction::Search
            },
            ..Whose::new(TabSet::from_bits(tabs), &scopes.join(" "))
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // R034, R111: whoever looked before, with whatever rights, a caller sees what it would have seen as the first one
    #[test]
    fn a_kept_view_is_what_a_fresh_one_would_be(
        callers in proptest::collection::vec(whose(), 2..5),
        turns in proptest::collection::vec(0..5_usize, 4..30),
    ) {
        let held = held();
        let fresh: Vec<_> = callers.iter().map(|whose| seen(&whose.of(&self::held()))).collect();
        for turn in turns {
            let n = turn % callers.len();
            let released = callers[n].of(&held);
            prop_assert_eq!(&seen(&released), &fresh[n], "{:?}", callers[n]);
            prop_assert_eq!(released.tabs(), callers[n].tabs);
            // And it is what the rules say of each entry by itself: type and scope, tab or need.
            for (_, entry) in released.entries() {
                prop_assert!(
                    callers[n].scopes.allows_read(entry.kind())
                        || callers[n].interaction == Interaction::Search
                            && callers[n].scopes.allows_search(entry.kind())
                );
            }
        }
    }
}
