//! The command line of evergrant. It decides nothing about the protocol: each command is one or a few calls of the library,
//! and what they gave or said, for people or (`--json`) for programs.
//!
//! No process ends while a renewal of its own is under way: the answer, with the only refresh token there is, would end with
//! it. So every client is closed before its command returns ([`clients::using`]).

mod arguments;
mod browser;
mod call;
mod clients;
mod doctor;
mod failure;
mod grants;
mod identity;
mod keepalive;
mod login;
mod moving;
mod output;
mod providers;
mod register;
mod rekey;
mod sandbox;
mod sign;
mod store;

use crate::arguments::{Arguments, Command, ScopesCommand};
use crate::clients::Clients;
use crate::output::Output;
use clap::Parser;
use evergrant::{Code, Error, Result};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) if usage.use_stderr() && std::env::args().any(|word| word == "--json") => {
            let text = usage.render().to_string();
            return failure::report(&Error::new(Code::InvalidArgument, text.trim()), true);
        }
        Err(usage) => usage.exit(),
    };
    let output = Output::new(arguments.general.json);
    run(&arguments, &output).unwrap_or_else(|error| failure::report(&error, arguments.general.json))
}

fn run(arguments: &Arguments, output: &Output) -> Result<ExitCode> {
    let clients = || Clients::load(&arguments.general);
    match &arguments.command {
        Command::Login(login) => login::login(&clients()?, output, login)?,
        Command::Token(token) => grants::token(&clients()?, output, token)?,
        Command::Call(call) => return call::call(&clients()?, output, call),
        Command::Sign(command) => sign::sign(&clients()?, output, command)?,
        Command::List { client } => grants::list(&clients()?, output, client.as_deref())?,
        Command::Show(grant) => grants::show(&clients()?, output, grant)?,
        Command::Userinfo(grant) => identity::userinfo(&clients()?, output, grant)?,
        Command::Introspect { grant, refresh_token } => {
            identity::introspect(&clients()?, output, grant, *refresh_token)?;
        }
        Command::LogoutUrl(logout) => identity::logout_url(&clients()?, output, logout)?,
        Command::Refresh(refresh) => return grants::refresh(&clients()?, output, refresh),
        Command::Keepalive(command) => return keepalive::keepalive(&clients()?, output, command),
        Command::Revoke { grant, force } => grants::revoke(&clients()?, output, grant, *force)?,
        Command::Forget(grant) => grants::forget(&clients()?, output, grant)?,
        Command::Rekey(command) => return rekey::rekey(&clients()?, output, command),
        Command::NewKey => rekey::new_key(output)?,
        Command::Export(grant) => moving::export(&clients()?, grant)?,
        Command::Import(import) => moving::import(&clients()?, output, import)?,
        Command::ImportPhp(import) => return moving::import_php(&clients()?, output, import),
        Command::Sandbox(options) => sandbox::serve(output, options)?,
        Command::Helper { .. } => evergrant::serve_helper()?,
        Command::Register(arguments) => register::at_provider(output, arguments)?,
        Command::Scopes(ScopesCommand::Missing { grant, scope }) => {
            return grants::missing_scopes(&clients()?, output, grant, scope);
        }
        Command::Providers(command) => providers::providers(output, command)?,
        Command::Store(command) => return store::store(&arguments.general, output, command),
        Command::Doctor { client } => {
            return doctor::doctor(&arguments.general, output, client.as_deref());
        }
    }
    Ok(ExitCode::SUCCESS)
}
