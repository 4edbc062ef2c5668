//! Writes `include/evergrant.h` from the sources of this crate; `scripts/generate` runs it.

use std::path::Path;

fn main() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(crate_root.join("cbindgen.toml"))
        .expect("cbindgen.toml can be read");
    let bindings =
        cbindgen::generate_with_config(crate_root, config).expect("the header can be generated");
    let mut header = Vec::new();
    bindings.write(&mut header);
    // cbindgen can prefix a variant with its type's name or with nothing; C wants the library's name.
    let header = String::from_utf8(header)
        .expect("the sources are UTF-8")
        .replace("EVERGRANT_STATUS_", "EVERGRANT_");
    std::fs::write(crate_root.join("../include/evergrant.h"), header)
        .expect("the header can be written");
}
