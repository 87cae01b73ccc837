//! The list of commands by what somebody wants to do, so that a stranger finds theirs.

use std::fmt::Write as _;

use clap::Command;

/// What people come for, and the commands that serve it. A command that stands nowhere here is listed at the end.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run it", &["sandbox", "serve", "mock"]),
    (
        "Set it up and check it",
        &[
            "check",
            "register",
            "clients",
            "keys",
            "password-hash",
            "map",
        ],
    ),
    ("Take away and give back", &["hold", "opt-out"]),
    (
        "See who looked, and prove it",
        &["audit", "explain", "report", "owed-report", "extract"],
    ),
    (
        "Deal with what came up",
        &[
            "override",
            "breach",
            "investigation",
            "complaint",
            "notice",
            "publication",
        ],
    ),
];

/// The command line with its commands in groups.
#[must_use]
pub fn grouped(command: Command) -> Command {
    let mut rest: Vec<(String, String)> = command
        .get_subcommands()
        .map(|one| {
            let about = one.get_about().map(ToString::to_string);
            (one.get_name().to_owned(), about.unwrap_or_default())
        })
        .collect();
    let width = rest.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut group = |title: &str, members: &[(String, String)]| {
        if members.is_empty() {
            return;
        }
        let _ = writeln!(text, "{title}:");
        for (name, about) in members {
            let _ = writeln!(text, "  {name:width$}  {about}");
        }
        text.push('\n');
    };
    for (title, names) in GROUPS {
        let members: Vec<_> = names
            .iter()
            .filter_map(|name| {
                let at = rest.iter().position(|(known, _)| known == name)?;
                Some(rest.remove(at))
            })
            .collect();
        group(title, &members);
    }
    group("More", &rest);
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{text}Options:\n{{options}}\n\n\
         `openmig <command> --help` says more. Commands that act beside a running gateway take --data DIR (a sandbox) or --config FILE.\n"
    );
    command.help_template(template)
}
