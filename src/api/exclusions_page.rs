//! The exclusions in force, in plain words, for anyone: users from every tab (R045), patients on request (R046).

use std::fmt::Write as _;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header;

use crate::labelling::ExclusionsHandle;
use crate::text::escape;

/// `GET /exclusions` (a page), `GET /exclusions.csv` and `GET /exclusions.json` (the list), always of the list in force.
pub fn routes(list: ExclusionsHandle) -> Router {
    Router::new()
        .route("/exclusions", get(page))
        .route("/exclusions.csv", get(csv))
        .route("/exclusions.json", get(json))
        .with_state(list)
}

async fn page(State(list): State<ExclusionsHandle>) -> Response {
    let list = list.current();
    let mut rows = String::new();
    for category in list.categories() {
        let _ = write!(
            rows,
            "<h2>{}</h2><p>{}. Why: {}.</p><ul>",
            escape(&category.title),
            if category.withhold {
                "Never shown"
            } else {
                "Shown, by decision of the oversight group"
            },
            escape(&category.legal_basis)
        );
        for row in list.rows() {
            if list
                .category_of(row)
                .is_some_and(|own| own.code == category.code)
            {
                let _ = write!(rows, "<li>{}</li>", escape(&row.term));
            }
        }
        rows.push_str("</ul>");
    }
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>What is never shown</title><style>body{{font:16px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em}}</style>\
         <h1>What is never shown</h1>\
         <p>When a clinician elsewhere looks at a GP record through this service, some entries are left out, whoever looks \
         and even in an emergency. Nothing in the view says whether a patient has any of them.</p>\
         <ul><li>From practices that use EMIS Web: every entry on the list below, and every entry that the practice made \
         confidential.</li><li>From practices that use SystmOne: every entry that is marked private. The list below is used \
         too where the practice has chosen so.</li><li>Free text of consultations, letters and comments, from everybody.</li></ul>\
         <p>Version in force: {}. From: {}. Download the list: <a href=/exclusions.csv>as a table</a>, <a href=/exclusions.json>for programs</a>.</p>{rows}</html>",
        escape(list.version()),
        escape(list.source()),
    );
    let style = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, style)], Html(html)).into_response()
}

async fn csv(State(list): State<ExclusionsHandle>) -> Response {
    let list = list.current();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut written = writer.write_record([
        "id",
        "term",
        "category",
        "withheld",
        "legal_basis",
        "version",
    ]);
    for row in list.rows() {
        let category = list.category_of(row);
        written = written.and_then(|()| {
            writer.write_record([
                row.id.as_str(),
                row.term.as_str(),
                category.map_or("", |category| category.title.as_str()),
                if category.is_some_and(|category| category.withhold) {
                    "yes"
                } else {
                    "no"
                },
                category.map_or("", |category| category.legal_basis.as_str()),
                list.version(),
            ])
        });
    }
    match (written, writer.into_inner()) {
        (Ok(()), Ok(bytes)) => (
            [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (
                    header::CONTENT_DISPOSITION,
                    "attachment; filename=\"exclusions.csv\"",
                ),
            ],
            bytes,
        )
            .into_response(),
        _ => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn json(State(list): State<ExclusionsHandle>) -> Response {
    let list = list.current();
    let categories: Vec<_> = list
        .categories()
        .iter()
        .map(|category| {
            let rows: Vec<_> = list
                .rows()
                .iter()
                .filter(|row| {
                    list.category_of(row)
                        .is_some_and(|own| own.code == category.code)
                })
                .map(|row| serde_json::json!({"id": row.id, "term": row.term}))
                .collect();
            serde_json::json!({
                "code": category.code,
                "title": category.title,
                "withheld": category.withhold,
                "legal_basis": category.legal_basis,
                "rows": rows,
            })
        })
        .collect();
    Json(serde_json::json!({
        "version": list.version(),
        "source": list.source(),
        "categories": categories,
    }))
    .into_response()
}
