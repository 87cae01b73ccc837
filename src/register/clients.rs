//! The OAuth clients of the register, and how each may authenticate.

use toml::Spanned;

use super::load::Check;
use super::{Client, ClientAuthentication, OrganisationKind, OversightOf, Register, raw};
use crate::record::OdsCode;

impl Register {
    pub(super) fn take_client(&mut self, entry: Spanned<raw::Client>, check: &mut Check<'_>) {
        check.at(&entry);
        let raw = entry.into_inner();
        let id = raw.id;
        check.that(!id.trim().is_empty(), "client id", || {
            "a client has no id".to_owned()
        });
        let organisation = raw.organisation.map(OdsCode);
        let audit_of = raw.audit_of.map(OdsCode);
        for ods in organisation.iter().chain(&audit_of) {
            self.known(ods, check, || format!("the client `{id}`"));
        }
        let kind_of = |ods: &Option<OdsCode>| {
            ods.as_ref()
                .and_then(|ods| self.organisations.get(ods))
                .map(|organisation| organisation.kind)
        };
        let kind = kind_of(&organisation);
        check.that(kind != Some(OrganisationKind::Commissioner), "R107", || {
            format!("the client `{id}` belongs to a commissioner")
        });
        let authentication = take_authentication(&id, raw.authentication, check);
        let by_keys = matches!(
            authentication,
            ClientAuthentication::Keys(_) | ClientAuthentication::KeysAt { .. }
        );
        check.that(
            !raw.named_clinician || (by_keys && kind == Some(OrganisationKind::Viewer)),
            "R101",
            || format!("the client `{id}` names clinicians, so it needs keys and a viewer"),
        );
        if audit_of.is_some() {
            let own = audit_of == organisation && kind == Some(OrganisationKind::Practice);
            check.that(own && by_keys && !raw.named_clinician, "R121", || {
                format!("the client `{id}` reads an audit trail: it needs keys, belongs to that practice, names no clinician")
            });
        }
        match raw.oversight {
            None => {}
            Some(OversightOf::Organisation) => {
                check.that(by_keys && organisation.is_some(), "R108", || {
                    format!("the client `{id}` names people of oversight, so it needs keys and an organisation")
                });
            }
            Some(OversightOf::Group) => {
                let alone = organisation.is_none() && audit_of.is_none() && !raw.named_clinician;
                check.that(by_keys && alone, "R107", || {
                    format!("the client `{id}` is the oversight group's, so it needs keys, and neither an organisation, a trail nor clinicians")
                });
            }
        }
        let code_flow = !by_keys && raw.launches.is_empty();
        check.that(
            !code_flow || !raw.redirect_uris.is_empty(),
            "redirect URIs",
            || format!("the client `{id}` needs redirect URIs, because it can do nothing but sign users in"),
        );
        check.that(
            raw.redirect_uris.is_empty() || (!raw.named_clinician && audit_of.is_none()),
            "redirect URIs",
            || {
                format!("the client `{id}` either signs users in or acts by itself: it has redirect URIs as well")
            },
        );
        let public = matches!(authentication, ClientAuthentication::Public);
        check.that(raw.launches.is_empty() || !public, "launches", || {
            format!("the client `{id}` launches others, so it must authenticate")
        });
        for uri in &raw.redirect_uris {
            check.that(is_redirect(uri), "redirect URIs", || {
                format!(
                    "the client `{id}` has a redirect URI that is neither https nor http on loopback, or has a fragment"
                )
            });
        }
        let fresh = !self.clients.contains_key(&id);
        check.that(fresh, "unique id", || {
            format!("the client `{id}` is there twice")
        });
        self.clients.insert(
            id.clone(),
            Client {
                id,
                name: raw.name.filter(|name| !name.trim().is_empty()),
                launches: raw.launches,
                authentication,
                organisation,
                named_clinician: raw.named_clinician,
                audit_of,
                oversight: raw.oversight,
                may_introspect: raw.may_introspect,
                redirect_uris: raw.redirect_uris,
            },
        );
    }
}

fn take_authentication(
    id: &str,
    raw: raw::Authentication,
    check: &mut Check<'_>,
) -> ClientAuthentication {
    const RULE: &str = "client authentication";
    check.that(!raw.local || raw.jwks_url.is_some(), RULE, || {
        format!("the client `{id}` is `local` without a `jwks_url`")
    });
    match (raw.public, raw.secret_sha256, raw.jwks, raw.jwks_url) {
        (true, None, None, None) => ClientAuthentication::Public,
        (false, Some(hash), None, None) => {
            let hex = hash.len() == 64
                && hash
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            check.that(hex, RULE, || {
                format!("the secret of the client `{id}` is not a SHA-256 in lower-case hex")
            });
            ClientAuthentication::Secret(hash)
        }
        (false, None, Some(keys), None) => {
            check.that(is_public_key_set(&keys), RULE, || {
                format!(
                    "the key set of the client `{id}` needs at least one public key, each with `kid`"
                )
            });
            ClientAuthentication::Keys(keys)
        }
        (false, None, None, Some(url)) => {
            let fits = url::Url::parse(&url).is_ok_and(|parsed| {
                parsed.scheme() == "https" || raw.local && is_loopback(&parsed)
            });
            check.that(fits, RULE, || {
                format!("the key set address of the client `{id}` is not https")
            });
            ClientAuthentication::KeysAt {
                url,
                local: raw.local,
            }
        }
        _ => {
            check.that(false, RULE, || {
                format!(
                    "the client `{id}` needs exactly one of public, secret_sha256, jwks, jwks_url"
                )
            });
            ClientAuthentication::Public
        }
    }
}

fn is_public_key_set(text: &str) -> bool {
    let parsed: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let keys = parsed
        .as_ref()
        .and_then(|set| set.get("keys"))
        .and_then(|keys| keys.as_array());
    keys.is_some_and(|keys| {
        !keys.is_empty()
            && keys.iter().all(|key| {
                let has = |member: &str| key.get(member).is_some_and(|value| value.is_string());
                has("kty") && has("kid") && !has("d") && !has("k")
            })
    })
}

fn is_redirect(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| url.fragment().is_none() && (url.scheme() == "https" || is_loopback(&url)))
}

fn is_loopback(url: &url::Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        }
}
