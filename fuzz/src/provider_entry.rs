//! An entry of the catalogue, in TOML.

use evergrant::ProviderTable;
use evergrant::fuzz_access::endpoints;
use std::collections::BTreeMap;

pub(crate) fn holds(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(entry) = toml::from_str::<ProviderTable>(text) else { return };
    let variables: BTreeMap<String, String> =
        entry.variables.keys().map(|name| (name.clone(), "example".to_owned())).collect();
    assert_reads_the_same_again(&entry);
    let Ok(endpoints) = endpoints(entry, &variables) else { return };
    for endpoint in endpoints {
        let host = endpoint.host_str().unwrap_or_default();
        let is_here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        assert!(endpoint.scheme() == "https" || endpoint.scheme() == "http" && is_here);
        assert!(endpoint.username().is_empty() && endpoint.password().is_none());
    }
}

fn assert_reads_the_same_again(entry: &ProviderTable) {
    let written = toml::to_string(entry).expect("an entry can be written");
    let again: ProviderTable = toml::from_str(&written).expect("what was written can be read");
    assert_eq!(toml::to_string(&again).expect("an entry can be written"), written);
}
