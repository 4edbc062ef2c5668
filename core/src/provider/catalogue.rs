//! The catalogue: the built-in entries, one TOML file each, listed by `build.rs`; and files of the user's own, which add entries
//! or change some keys of a built-in one.

use super::{EndpointReader, ProviderStatus, ProviderTable};
use crate::error::{Code, Error, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use toml::Table;

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// How many names an error suggests, and how alike they are (Jaro and Winkler's measure, 1 for the same).
const SUGGESTIONS: usize = 5;
const ALIKE: f64 = 0.75;

/// The entries by name: the built-in ones and those of `files`. A file holds a table for each of its entries, in JSON where its
/// name ends so, else in TOML; of a name that is there already only the keys that it has are changed.
///
/// # Errors
/// `invalid_config` for a file that cannot be read, and for an entry with an unknown key, a wrong type or a missing endpoint: it
/// names file, provider and key, and says what was expected.
pub fn catalogue(files: &[PathBuf]) -> Result<BTreeMap<String, ProviderTable>> {
    let own = read(files)?;
    names()
        .map(str::to_owned)
        .chain(own.keys().cloned())
        .map(|name| {
            let entry = entry(&name, &own)?.expect("the name is of one of them");
            Ok((name, entry))
        })
        .collect()
}

/// The names of the built-in entries, in their order; no entry is read for it.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|(name, _)| *name)
}

/// The entry of a name.
pub(crate) fn lookup(name: &str, files: &[PathBuf]) -> Result<ProviderTable> {
    let own = read(files)?;
    entry(name, &own)?.ok_or_else(|| unknown(name, &own))
}

/// An entry of the user's own, and where it stands.
type Own = BTreeMap<String, Vec<(PathBuf, Table)>>;

fn read(files: &[PathBuf]) -> Result<Own> {
    let mut own = Own::new();
    for file in files {
        for (name, table) in read_file(file)? {
            own.entry(name).or_default().push((file.clone(), table));
        }
    }
    Ok(own)
}

fn read_file(file: &Path) -> Result<BTreeMap<String, Table>> {
    let wrong = |text: String| {
        Error::new(Code::InvalidConfig, format!("provider_files: {}: {text}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let expected = "expected a table of keys for each provider";
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        serde_json::from_str(&text).map_err(|error| wrong(format!("{error}; {expected}")))
    } else {
        toml::from_str(&text).map_err(|error| wrong(format!("{}; {expected}", error.message())))
    }
}

fn entry(name: &str, own: &Own) -> Result<Option<ProviderTable>> {
    let built_in = ENTRIES.iter().find(|(known, _)| *known == name);
    let changes = own.get(name).map_or(&[][..], Vec::as_slice);
    if built_in.is_none() && changes.is_empty() {
        return Ok(None);
    }
    let mut table: Table = match built_in {
        Some((_, text)) => toml::from_str(text).map_err(|error| of(name, None, error.message()))?,
        None => Table::new(),
    };
    for (_, keys) in changes {
        table.extend(keys.clone());
    }
    let file = changes.last().map(|(file, _)| file.as_path());
    let mut entry: ProviderTable =
        table.try_into().map_err(|error: toml::de::Error| of(name, file, error.message()))?;
    entry.name = Some(name.to_owned());
    check(&entry).map_err(|error| of(name, file, error.message()))?;
    Ok(Some(entry))
}

/// What can be said of an entry before it is used: its endpoints are there and are URLs, with whatever its variables are.
fn check(entry: &ProviderTable) -> Result<()> {
    if entry.status == ProviderStatus::Retired {
        return Ok(());
    }
    let variables = examples(entry);
    let reader = EndpointReader { table: entry, variables: &variables };
    reader.read()?;
    reader.open_id().map(drop)
}

/// A value for each variable of an entry.
fn examples(entry: &ProviderTable) -> BTreeMap<String, String> {
    entry.variables.keys().map(|name| (name.clone(), "example".to_owned())).collect()
}

fn of(name: &str, file: Option<&Path>, text: &str) -> Error {
    let place = file.map_or_else(|| "the catalogue".to_owned(), |file| file.display().to_string());
    let code = if file.is_some() { Code::InvalidConfig } else { Code::Internal };
    Error::new(code, format!("provider {name:?} of {place}: {text}"))
}

/// What to say where a name of the catalogue was expected and `name` was given: such as `a name of the catalogue (google?)`.
#[must_use]
pub fn expected_name(name: &str) -> String {
    expected_of(name, names())
}

fn expected_of<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut alike: Vec<(f64, &str)> = names
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0));
    let alike: Vec<_> = alike.into_iter().take(SUGGESTIONS).map(|(_, known)| known).collect();
    match &alike[..] {
        [] => "a name of the catalogue".to_owned(),
        alike => format!("a name of the catalogue ({}?)", alike.join(", ")),
    }
}

fn unknown(name: &str, own: &Own) -> Error {
    let names = ENTRIES.iter().map(|(name, _)| *name).chain(own.keys().map(String::as_str));
    let suggested = expected_of(name, names);
    let text =
        format!("provider: no entry {name:?}; expected {suggested}, an issuer URL, or a table");
    Error::new(Code::UnknownProvider, text)
}

/// The built-in entry whose issuer this is, by simple string comparison (RFC 8414 section 3.3).
pub(crate) fn of_issuer(issuer: &str) -> Option<ProviderTable> {
    ENTRIES
        .iter()
        .filter(|(_, text)| text.contains(issuer))
        .filter_map(|(name, _)| entry(name, &Own::new()).ok()?)
        .find(|entry| entry.issuer.as_deref() == Some(issuer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Protocol, Provider};
    use tempfile::TempDir;

    #[test]
    fn every_entry_is_complete_documented_and_dated() {
        for (name, entry) in catalogue(&[]).unwrap() {
            let is_plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(name.bytes().all(is_plain), "{name}");
            assert!(entry.title.is_some() && entry.source.is_some(), "{name}");
            let documentation = entry.documentation.as_deref().unwrap_or_default();
            assert!(documentation.starts_with("https://"), "{name}");
            let checked = entry.checked.as_deref().unwrap_or_default();
            assert!(checked.parse::<jiff::civil::Date>().is_ok(), "{name}: {checked}");
            let is_gone = entry.status == ProviderStatus::Retired;
            assert_eq!(is_gone, entry.replaced_by.is_some(), "{name}");
            let authenticates = entry.client_authentication.is_some();
            assert!(is_gone || authenticates || entry.protocol == Protocol::OAuth1, "{name}");
            if !is_gone {
                let variables = examples(&entry);
                Provider::from_table(entry, &variables).unwrap().check_consent().unwrap();
            }
        }
    }

    #[test]
    fn what_came_in_the_place_of_a_retired_provider_is_there() {
        let all = catalogue(&[]).unwrap();
        for (name, entry) in &all {
            let Some(instead) = &entry.replaced_by else { continue };
            assert!(all.contains_key(instead) || instead.contains(' '), "{name}: {instead}");
        }
    }

    #[test]
    fn an_unknown_name_suggests_known_ones() {
        let error = lookup("gogle", &[]).unwrap_err();
        assert_eq!(error.code(), Code::UnknownProvider);
        assert!(error.message().contains("google"), "{error}");
    }

    fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_file_adds_a_provider_and_changes_keys_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let json = file(
            &folder,
            "own.json",
            r#"{"acme": {"authorization_endpoint": "https://acme.example/a", "token_endpoint": "https://acme.example/t"},
                "github": {"title": "Ours", "scope_separator": ","}}"#,
        );
        let toml = file(&folder, "own.toml", "[github]\ntitle = 'Ours, later'");
        let files = [json, toml];
        assert_eq!(lookup("acme", &files).unwrap().name.as_deref(), Some("acme"));
        let github = lookup("github", &files).unwrap();
        assert_eq!(github.title.as_deref(), Some("Ours, later"));
        assert_eq!(github.scope_separator.as_deref(), Some(","));
        assert!(github.token_endpoint.is_some());
    }

    #[test]
    fn a_mistake_is_told_with_file_provider_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let endpoints =
            "authorization_endpoint = 'https://a.example/'\ntoken_endpoint = 'https://a.example/'";
        for (text, words) in [
            (format!("[acme]\n{endpoints}\nscope_seperator = ','"), "scope_seperator"),
            (format!("[acme]\n{endpoints}\nscope_separator = 7"), "string"),
            ("[acme]\nauthorization_endpoint = 'https://a.example/'".to_owned(), "token_endpoint"),
            ("[acme]\ntoken_endpoint = 'https://{x}/'".to_owned(), "placeholder {x}"),
            (format!("[github]\n{endpoints}\npkce = 'plain'"), "plain"),
        ] {
            let path = file(&folder, "own.toml", &text);
            let error = catalogue(std::slice::from_ref(&path)).unwrap_err();
            assert_eq!(error.code(), Code::InvalidConfig, "{error}");
            let place = path.display().to_string();
            assert!(error.message().contains(words) && error.message().contains(&place), "{error}");
        }
        let error = catalogue(&[PathBuf::from("/nowhere/own.toml")]).unwrap_err();
        assert!(error.message().contains("/nowhere/own.toml"), "{error}");
    }
}
