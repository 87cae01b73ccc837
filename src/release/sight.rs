//! What a request may see, as a value, so that the same sight of the same held record is worked out once.
//!
//! Who may look at all, and at which tabs, is decided for every request before this (occasion, opt-out, holds, register).
//! What comes here is only what that decision gave: other tabs or other scopes are another sight.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::held::Held;
use super::param::Param;
use super::released::{Released, View, for_caller};
use super::withhold::ReleasedEntry;
use crate::fhir::Kind;
use crate::fhir::kind::KINDS;
use crate::smart::scope::{Interaction, Reach, ScopeSet};
use crate::tabs::catalogue::TabSet;

/// Tabs of the occasion as it is now, and what the token may do. Everything that decides which entries of a held record are
/// visible is in it, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight<'s> {
    /// Tabs that may be seen now.
    pub tabs: TabSet,
    /// The token's scopes.
    pub scopes: &'s ScopeSet,
    /// Whether something is read by its id, or searched.
    pub interaction: Interaction,
}

impl Sight<'_> {
    /// The view of a held record that this sight gives (R034, R111). Worked out on its first use, then kept with the
    /// record, and gone with it.
    #[must_use]
    pub fn of(&self, held: &Arc<Held>) -> Released {
        let view = held.views().find(self).unwrap_or_else(|| {
            let view = self.look(held);
            held.views().keep(self, &view);
            view
        });
        Released::new(held, view)
    }

    fn look(&self, held: &Arc<Held>) -> Arc<View> {
        let reaches: Vec<(Kind, Reach<'_>)> = KINDS
            .iter()
            .map(|kind| {
                // What is included beside a search's own type needs no more than to be readable.
                let reach = match self.scopes.reach(*kind, self.interaction) {
                    Reach::Nothing => self.scopes.reach(*kind, Interaction::Read),
                    reach => reach,
                };
                (*kind, reach)
            })
            .collect();
        let may_see = |entry: &ReleasedEntry| {
            reaches
                .iter()
                .find(|(kind, _)| *kind == entry.kind())
                .is_some_and(|(_, reach)| match reach {
                    Reach::Nothing => false,
                    Reach::Everything => true,
                    Reach::Granular(_) => {
                        reach.admits(&tokens(entry, Param::Category), &tokens(entry, Param::Code))
                    }
                })
        };
        for_caller(held, self.tabs, &may_see).into_view()
    }
}

fn tokens(entry: &ReleasedEntry, param: Param) -> Vec<(Option<&str>, &str)> {
    let tokens = entry.index().tokens().iter();
    tokens
        .filter(|token| token.param == param)
        .map(|token| (token.system(), token.code()))
        .collect()
}

/// Views that a held record keeps: a record is seldom looked at in more ways at once.
const KEPT: usize = 8;

/// The views that were worked out of one held record, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Views(Mutex<VecDeque<Kept>>);

/// A view with the sight that it was worked out for.
#[derive(Debug)]
struct Kept {
    tabs: TabSet,
    scopes: ScopeSet,
    interaction: Interaction,
    view: Arc<View>,
}

impl Kept {
    fn is_for(&self, sight: &Sight<'_>) -> bool {
        let sights = Sight {
            tabs: self.tabs,
            scopes: &self.scopes,
            interaction: self.interaction,
        };
        sights == *sight
    }
}

impl Views {
    fn find(&self, sight: &Sight<'_>) -> Option<Arc<View>> {
        let views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        views
            .iter()
            .find(|kept| kept.is_for(sight))
            .map(|kept| Arc::clone(&kept.view))
    }

    fn keep(&self, sight: &Sight<'_>, view: &Arc<View>) {
        let mut views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Two who asked at the same moment made the same.
        if views.iter().any(|kept| kept.is_for(sight)) {
            return;
        }
        if views.len() == KEPT {
            views.pop_front();
        }
        views.push_back(Kept {
            tabs: sight.tabs,
            scopes: sight.scopes.clone(),
            interaction: sight.interaction,
            view: Arc::clone(view),
        });
    }
}

#[cfg(test)]
#[path = "sight_tests.rs"]
mod tests;
