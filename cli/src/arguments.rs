//! What can be said on the command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

const AFTER_HELP: &str = "\
Clients stand in a TOML file, $XDG_CONFIG_HOME/evergrant/config.toml or ~/.config/evergrant/config.toml:

    [clients.google]
    provider      = \"google\"
    client_id     = \"…\"
    client_secret = { env = \"GOOGLE_SECRET\" }
    scope         = [\"https://www.googleapis.com/auth/drive.readonly\"]
    offline       = true

A name that is not there may be one of the built-in catalogue, or an issuer URL; then the client comes from --client-id
or EVERGRANT_CLIENT_ID, and its secret from the variable that --client-secret-env names, or EVERGRANT_CLIENT_SECRET.

Environment:
  EVERGRANT_CONFIG   the file in place of the default; --config goes before it
  EVERGRANT_BROWSER  a shell command that opens the address it gets as its last argument

Exit status:
  0  done
  1  failed, and trying again does not help
  2  the command line or the configuration is wrong
  3  the user has to consent: run `evergrant login`
  4  failed for now: try again later";

/// OAuth for offline access: log a user in once, then call APIs on the user's behalf.
#[derive(Debug, Parser)]
#[command(name = "evergrant", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) general: General,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct General {
    /// Write results, and errors, as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// File with the clients
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Token store in place of the configured one, such as sqlite:tokens.db
    #[arg(long, global = true, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// Client identifier in place of the configured one
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Environment variable with the client secret, in place of the configured one
    #[arg(long, global = true, value_name = "VARIABLE")]
    pub(crate) client_secret_env: Option<String>,
    /// Ask for whatever this provider needs to give a refresh token, as `offline = true` in the configuration does
    #[arg(long, global = true)]
    pub(crate) offline: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a user for consent, in the browser
    Login(Login),
    /// Print an access token that works, and nothing else
    Token(Token),
    /// Call an API on a user's behalf
    Call(Call),
    /// Sign an OAuth 1.0a request that something else sends
    Sign(Sign),
    /// List the grants of a client, or of all configured clients
    List {
        /// A configured client
        #[arg(value_name = "PROVIDER")]
        client: Option<String>,
    },
    /// Show all of a grant but its secrets
    Show(GrantName),
    /// Ask the provider about a grant's user
    Userinfo(GrantName),
    /// Ask the provider whether a grant's access token can be used
    Introspect {
        #[command(flatten)]
        grant: GrantName,
        /// Ask about the refresh token instead
        #[arg(long)]
        refresh_token: bool,
    },
    /// Print the address that ends a user's session at the provider, in the user's browser
    LogoutUrl(LogoutUrl),
    /// Renew a grant's access token now, or, with --all, every one that is due
    Refresh(Refresh),
    /// Renew the grants that are due, before their tokens end or die of disuse; on any number of machines at once
    Keepalive(Keepalive),
    /// Revoke a grant at the provider, and delete it
    Revoke {
        #[command(flatten)]
        grant: GrantName,
        /// Delete it whatever the provider says
        #[arg(long)]
        force: bool,
    },
    /// Delete a grant here; the provider is not told
    Forget(GrantName),
    /// Seal the stored records anew with the first key of `encryption.keys`, while everybody goes on working
    Rekey(Rekey),
    /// Print a new key for `encryption.keys`
    NewKey,
    /// Print all of a grant, secrets included, for `import` elsewhere
    Export(GrantName),
    /// Store tokens that were got elsewhere
    Import(Import),
    /// Take the grants over that the PHP class `oauth_client_class` kept in a database
    ImportPhp(ImportPhp),
    /// Run a provider to test against, on a loopback port
    Sandbox(Sandbox),
    /// Make a client at a provider that registers clients by itself (RFC 7591), and print its configuration
    Register(Register),
    /// Compare scopes
    #[command(subcommand)]
    Scopes(ScopesCommand),
    /// Look into the catalogue of providers
    #[command(subcommand)]
    Providers(ProvidersCommand),
    /// Work on token stores rather than on grants
    #[command(subcommand)]
    Store(StoreCommand),
    /// Check configuration, store, encryption, helper, spill folder, provider and clock
    Doctor {
        /// A configured client; all of them if absent
        #[arg(value_name = "PROVIDER")]
        client: Option<String>,
    },
    /// Refresh for an application process; started by the library alone
    #[command(hide = true)]
    Helper {
        /// The application's process
        #[arg(long, value_name = "PID")]
        of: u32,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScopesCommand {
    /// Print the scopes that a grant lacks; the user has to consent to them
    Missing {
        #[command(flatten)]
        grant: GrantName,
        /// What is wanted; the configured scopes if absent
        scope: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The provider's issuer URL
    pub(crate) issuer: String,
    /// Name of the application, for people
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Redirect URI; may be repeated; one on this machine if absent
    #[arg(long, value_name = "URI")]
    pub(crate) redirect_uri: Vec<String>,
    /// Scope that the client may ask for; may be repeated
    #[arg(long)]
    pub(crate) scope: Vec<String>,
    /// Without a secret
    #[arg(long)]
    pub(crate) public: bool,
    /// Further metadata, JSON or text; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) metadata: Vec<(String, String)>,
    /// File with the software statement
    #[arg(long, value_name = "FILE")]
    pub(crate) software_statement: Option<PathBuf>,
    /// Environment variable with the initial access token
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) initial_access_token_env: Option<String>,
    /// Even at a provider in a private network
    #[arg(long)]
    pub(crate) allow_private_addresses: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersCommand {
    /// List the providers
    List {
        /// Files of your own, which add entries or change keys of some
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Write the table of the guide
        #[arg(long, hide = true)]
        markdown: bool,
    },
    /// Show all that is known of a provider
    Show {
        /// A name of the catalogue
        name: String,
        /// Files of your own, which add entries or change keys of some
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check files of your own: each entry's keys, types and endpoints
    Check {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Hold a built-in store to its promises: it writes and removes records of its own
    Check(StoreCheckArguments),
    /// Make the tables where there are none
    Init {
        /// A configured client; all of them if absent, or the store that --store names
        #[arg(value_name = "PROVIDER")]
        client: Option<String>,
        /// Print the SQL, and do nothing
        #[arg(long)]
        print: bool,
    },
    /// Bring the tables up to this version, and lock out versions that cannot read them then
    Migrate {
        /// A configured client; all of them if absent, or the store that --store names
        #[arg(value_name = "PROVIDER")]
        client: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StoreCheckArguments {
    /// A configured client; all of them if absent, or the store that --store names
    #[arg(value_name = "PROVIDER")]
    pub(crate) client: Option<String>,
    /// How many grants to write and list; 10,000 if absent, 100 with --quick
    #[arg(long, value_name = "N")]
    pub(crate) grants: Option<usize>,
    /// Fewer rounds of calls at once: finds less
    #[arg(long)]
    pub(crate) quick: bool,
}

/// Names a grant.
#[derive(Debug, Args)]
pub(crate) struct GrantName {
    /// A configured client, a name of the catalogue, or an issuer URL
    #[arg(value_name = "PROVIDER")]
    pub(crate) client: String,
    /// The application's name for the user
    pub(crate) subject: String,
    /// One of several grants of the user
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) slot: String,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutUrl {
    /// A configured client, a name of the catalogue, or an issuer URL
    #[arg(value_name = "PROVIDER")]
    pub(crate) client: String,
    /// The application's name for the user; the address then says who logs out
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: Option<String>,
    /// One of several grants of the user
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) slot: String,
    /// Where the provider sends the browser afterwards
    #[arg(long, value_name = "URL")]
    pub(crate) redirect_uri: Option<String>,
    /// What comes back with that
    #[arg(long, requires = "redirect_uri")]
    pub(crate) state: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rekey {
    /// A configured client; all that have keys if absent
    #[arg(value_name = "PROVIDER")]
    pub(crate) client: Option<String>,
    /// Every record of the client's store, those of other client registrations too: each of them must have the first key
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Refresh {
    /// A configured client, a name of the catalogue, or an issuer URL
    #[arg(value_name = "PROVIDER", required_unless_present = "all")]
    pub(crate) client: Option<String>,
    /// The application's name for the user
    #[arg(value_name = "SUBJECT", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) subject: Option<String>,
    /// One of several grants of the user
    #[arg(long, conflicts_with = "all")]
    pub(crate) slot: Option<String>,
    /// Try even a grant that needs consent or is to be left alone for a while
    #[arg(long, conflicts_with = "all")]
    pub(crate) force: bool,
    /// Renew every grant that is due, as `keepalive --once` does; of all configured clients without PROVIDER
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all: also what ends within this time, as `keepalive --within`
    #[arg(long, value_name = "TIME", requires = "all", conflicts_with = "subject", value_parser = span)]
    pub(crate) due: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Keepalive {
    /// Configured clients; all of them if absent
    #[arg(value_name = "PROVIDER")]
    pub(crate) clients: Vec<String>,
    /// Do it once and end: for cron (this is so without --loop, too)
    #[arg(long)]
    pub(crate) once: bool,
    /// Do it again and again until SIGTERM or Ctrl-C, which lets begun renewals end
    #[arg(long = "loop", conflicts_with = "once")]
    pub(crate) endless: bool,
    /// Pause between two rounds of --loop
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = span)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) work: KeepaliveWork,
}

/// How much is done in one round.
#[derive(Debug, Default, Args)]
pub(crate) struct KeepaliveWork {
    /// Also renew what ends within this time, though an application would not yet: 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) within: Option<Duration>,
    /// Renewals at once
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<usize>,
    /// Renew at most so many grants of each client
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
FILE is what `evergrant export` printed, a token file of one of Google's libraries (Python, PHP, Node), a token response \
as JSON, or a token blob of gdata.

Other users of this machine see what stands on a command line: give a token as @FILE, or as - for standard input.")]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) grant: GrantName,
    /// Document with the tokens; - or nothing reads standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["access", "refresh"])]
    pub(crate) document: Option<String>,
    /// Access token, @FILE or -
    #[arg(long, value_name = "TOKEN")]
    pub(crate) access: Option<String>,
    /// OAuth 1.0a: the token's secret, @FILE or -
    #[arg(long, value_name = "SECRET", requires = "access")]
    pub(crate) secret: Option<String>,
    /// Refresh token, @FILE or -
    #[arg(long, value_name = "TOKEN", conflicts_with = "secret")]
    pub(crate) refresh: Option<String>,
    /// How long the access token is still valid; without it: until the API refuses it
    #[arg(long, value_name = "TIME", requires = "access", value_parser = span)]
    pub(crate) expires_in: Option<Duration>,
    /// What it may be used for; may be repeated
    #[arg(long, conflicts_with = "document")]
    pub(crate) scope: Vec<String>,
    /// Put it in the place of a grant that is there already
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is written in the old database. A grant's subject is the `user` of its row, or session:ID where there is none. \
Grants that are here already stay as they are, so it can be done again for what came since.")]
pub(crate) struct ImportPhp {
    #[arg(
        long,
        value_name = "DATABASE",
        help = "The old database: sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE, mysql://…, or @FILE or - (standard \
                input) for an address that others must not see"
    )]
    pub(crate) from: String,
    /// Its table
    #[arg(long, default_value = "oauth_session")]
    pub(crate) table: String,
    /// Which configured client a `server` of the table is; a client of the same name is found without it. May be repeated
    #[arg(long, value_name = "SERVER=CLIENT", value_parser = name_and_value)]
    pub(crate) map: Vec<(String, String)>,
    /// Say what would be taken, and take nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Put old grants in the place of those that are here already
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    pub(crate) grant: GrantName,
    /// Scope to ask for in place of the configured ones; may be repeated
    #[arg(long)]
    pub(crate) scope: Vec<String>,
    /// `prompt` of the authorization request, such as consent or login
    #[arg(long)]
    pub(crate) prompt: Option<String>,
    /// `login_hint` of the authorization request, such as an e-mail address
    #[arg(long = "login-hint", value_name = "HINT")]
    pub(crate) hint: Option<String>,
    /// Further parameter of the authorization request; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameter: Vec<(String, String)>,
    /// Do not listen for the callback: ask for the address that the browser was sent to
    #[arg(long)]
    pub(crate) paste: bool,
    /// Have the user type a code on another device instead (RFC 8628)
    #[arg(long, conflicts_with_all = ["paste", "prompt", "hint"])]
    pub(crate) device: bool,
    /// Do not open a browser: only say which address to open
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Seconds to wait for the user
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) wait: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) grant: GrantName,
    /// Seconds for which the token should still be valid
    #[arg(long, value_name = "SECONDS")]
    pub(crate) min_valid: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) grant: GrantName,
    /// HTTP method
    pub(crate) method: String,
    /// Absolute URL
    pub(crate) url: String,
    /// Further header; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// Parameter added to the query; may be repeated
    #[arg(short = 'q', long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) query: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) body: Body,
    /// Print status and headers before the body
    #[arg(short, long)]
    pub(crate) include: bool,
    /// Exit with 1 when the status is 400 or more
    #[arg(short, long)]
    pub(crate) fail: bool,
    /// Seconds until the call gives up
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Printed is the value of the Authorization header; with parameters_in = \"query\" the URL, with \"body\" the form-encoded body. \
No store is opened, and nothing is sent:

    curl -H \"Authorization: $(evergrant sign flickr GET \"$URL\" --token \"$TOKEN\" --token-secret @secret)\" \"$URL\"")]
pub(crate) struct Sign {
    /// A configured client, or a name of the catalogue
    #[arg(value_name = "PROVIDER")]
    pub(crate) client: String,
    /// HTTP method
    pub(crate) method: String,
    /// Absolute URL
    pub(crate) url: String,
    /// Token, @FILE or -; none for a two-legged request
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// The token's secret, @FILE or -
    #[arg(long, value_name = "SECRET", requires = "token")]
    pub(crate) token_secret: Option<String>,
    /// Parameter added to the query; may be repeated
    #[arg(short = 'q', long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) query: Vec<(String, String)>,
    /// Parameter of a form-encoded body; may be repeated
    #[arg(short = 'F', long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) form: Vec<(String, String)>,
    /// A body of another type, for `oauth_body_hash`; @FILE reads it from a file, @- from standard input
    #[arg(short, long, conflicts_with = "form")]
    pub(crate) data: Option<String>,
    /// Further protocol parameter, such as `xoauth_requestor_id`; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Print what is signed instead
    #[arg(long)]
    pub(crate) base_string: bool,
}

/// The body of a call: at most one of these.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Body {
    /// Body as it stands; @FILE reads it from a file, @- from standard input
    #[arg(short, long)]
    pub(crate) data: Option<String>,
    /// Parameter of a form-encoded body; may be repeated
    #[arg(short = 'F', long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) form: Vec<(String, String)>,
    /// Body as JSON; @FILE reads it from a file, @- from standard input
    #[arg(long = "json-body", value_name = "JSON")]
    pub(crate) document: Option<String>,
}

/// The options of the sandbox provider; durations are seconds.
#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8779)]
    pub(crate) port: u16,
    /// Lifetime of an access token
    #[arg(long, value_name = "SECONDS", default_value_t = 3600.0)]
    pub(crate) access_token_lifetime: f64,
    /// Lifetime of an authorization code
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub(crate) authorization_code_lifetime: f64,
    /// Time in which a replaced refresh token still works; 0: its reuse kills the grant
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    pub(crate) grace: f64,
    /// Keep the refresh token when it is used
    #[arg(long)]
    pub(crate) no_rotate: bool,
    /// End the access tokens from before a refresh with it
    #[arg(long)]
    pub(crate) end_old_access_tokens: bool,
}

/// A time such as `90`, `90s`, `10m`, `2h` or `1d`.
fn span(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err("expected a time such as 90s, 10m, 2h or 1d".to_owned()),
    };
    let number: f64 = digits.parse().map_err(|_| "expected a time such as 90s, 10m, 2h or 1d")?;
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
