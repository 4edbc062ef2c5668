//! The built-in entries: one TOML file each, read at first use.

use super::ProviderTable;
use crate::error::{Code, Error, Result};

const ENTRIES: &[(&str, &str)] = &[
    ("box", include_str!("catalogue/box.toml")),
    ("freeagent", include_str!("catalogue/freeagent.toml")),
    ("github", include_str!("catalogue/github.toml")),
    ("google", include_str!("catalogue/google.toml")),
    ("microsoft", include_str!("catalogue/microsoft.toml")),
    ("sandbox", include_str!("catalogue/sandbox.toml")),
    ("sandbox-oauth1", include_str!("catalogue/sandbox-oauth1.toml")),
    ("x", include_str!("catalogue/x.toml")),
    ("x-oauth1", include_str!("catalogue/x-oauth1.toml")),
];

/// The names of the catalogue.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|(name, _)| *name)
}

/// The entry of a name.
pub(crate) fn lookup(name: &str) -> Result<ProviderTable> {
    let Some((_, text)) = ENTRIES.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = names().collect();
        return Err(Error::new(
            Code::UnknownProvider,
            format!(
                "provider: no catalogue entry {name:?}; expected one of {}, an issuer URL, or a table",
                known.join(", ")
            ),
        ));
    };
    let mut table: ProviderTable = toml::from_str(text).map_err(|error| {
        Error::new(Code::Internal, format!("catalogue entry {name:?}: {}", error.message()))
    })?;
    table.name = Some(name.to_owned());
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Provider;

    #[test]
    fn every_entry_is_complete_documented_and_dated() {
        for name in names() {
            let table = lookup(name).unwrap();
            assert!(table.title.is_some() && table.documentation.is_some(), "{name}");
            assert_eq!(table.checked.as_deref().map(str::len), Some("2026-11-21".len()), "{name}");
            Provider::from_table(table).unwrap();
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = lookup("gogle").unwrap_err();
        assert_eq!(error.code(), Code::UnknownProvider);
        assert!(error.message().contains("google"));
    }
}
