//! `openmig check mappings`: are the tables sound, and which rows feed which section of which tab.

use std::path::Path;
use std::process::ExitCode;

use crate::mapping::Tables;

/// The tables of this program, or those of a folder with the layout of `mappings/` (what it has no file for is this
/// program's). 0 = sound, 2 = not: every fault is printed with its file and line.
pub fn run(folder: Option<&Path>) -> ExitCode {
    match Tables::in_force(folder) {
        Ok(tables) => {
            print!("{}", tables.coverage());
            println!("mapping tables are sound; hash {}", tables.hash());
            ExitCode::SUCCESS
        }
        Err(error) => super::fail(&error, 2),
    }
}
