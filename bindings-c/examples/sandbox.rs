//! Runs the sandbox provider for tests of C and PHP: prints its address, and ends when its standard input does.

#![allow(clippy::print_stdout)] // the address is the output

use evergrant_sandbox::{Options, Sandbox};
use std::io::Read;

fn main() -> std::io::Result<()> {
    let sandbox = Sandbox::start(Options::default())?;
    println!("{}", sandbox.base_url());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
