//! Lists the entries of the provider catalogue, a file each.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=src/provider/catalogue");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("src/provider/catalogue");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the catalogue is there")
        .filter_map(|entry| {
            let name = entry
                .expect("the catalogue can be read")
                .file_name()
                .into_string()
                .expect("a name is ASCII");
            name.strip_suffix(".toml").map(str::to_owned)
        })
        .collect();
    names.sort();
    let entry = |name: &String| {
        let path = folder.join(format!("{name}.toml"));
        format!("    ({name:?}, include_str!({:?})),\n", path.display().to_string())
    };
    let entries: String = names.iter().map(entry).collect();
    let place = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("catalogue.rs");
    fs::write(place, format!("const ENTRIES: &[(&str, &str)] = &[\n{entries}];\n"))
        .expect("the target folder can be written");
}
