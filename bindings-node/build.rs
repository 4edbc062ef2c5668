//! Leaves Node's own symbols to be found at load time.

fn main() {
    napi_build::setup();
}
