//! The challenges of a `WWW-Authenticate` header (RFC 9110 section 11.6.1).
//!
//! Reading never fails: a header that breaks the grammar gives what can be made out of it, because the
//! 401 it came with has to be handled all the same.

/// One challenge: a scheme and its parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Whether the challenge is of this scheme, in any case.
    pub(crate) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Value of the first parameter of this name, in any case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Longest header value that is read: no challenge needs more, and what is behind a word is looked at again and again.
const LONGEST: usize = 8 << 10;

/// All challenges of one header value, in order.
pub(crate) fn parse(www_authenticate: &str) -> Vec<Challenge> {
    if www_authenticate.len() > LONGEST {
        return Vec::new();
    }
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = skip_separators(www_authenticate);
    while !rest.is_empty() {
        let (word, after) = split_word(rest);
        rest = match (after.trim_start().strip_prefix('='), challenges.last_mut()) {
            (Some(value), Some(challenge)) if !word.is_empty() => {
                let (value, after) = split_value(value.trim_start());
                challenge.parameters.push((word.to_owned(), value));
                after
            }
            _ if word.is_empty() => skip_character(rest),
            _ => {
                challenges.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
                skip_token68(after)
            }
        };
        rest = skip_separators(rest);
    }
    challenges
}

fn skip_separators(text: &str) -> &str {
    text.trim_start_matches([',', ' ', '\t'])
}

fn skip_character(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    characters.as_str()
}

/// A token of RFC 9110 section 5.6.2, and what follows.
fn split_word(text: &str) -> (&str, &str) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    text.split_at(text.find(|c| !is_word(c)).unwrap_or(text.len()))
}

/// A token or quoted string, and what follows. An unquoted value runs to the next comma or space.
fn split_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return (value.to_owned(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            _ => value.push(character),
        }
    }
    (value, characters.as_str())
}

/// Steps over the `token68` that a scheme such as Negotiate has in place of parameters.
fn skip_token68(text: &str) -> &str {
    let (candidate, after) = text.split_at(text.find(',').unwrap_or(text.len()));
    let is_token68 = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let body = candidate.trim().trim_end_matches('=');
    if body.chars().all(is_token68) { after } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> Vec<String> {
        let show = |challenge: &Challenge| {
            let parameters =
                challenge.parameters.iter().map(|(name, value)| format!(" {name}={value}"));
            challenge.scheme.clone() + &parameters.collect::<String>()
        };
        parse(header).iter().map(show).collect()
    }

    #[test]
    fn challenges_of_one_header_are_told_apart() {
        assert_eq!(
            shown(
                r#"Basic realm="a, \"b\"", Bearer error=invalid_token , scope = "x y",, DPoP algs="ES256""#
            ),
            [r#"Basic realm=a, "b""#, "Bearer error=invalid_token scope=x y", "DPoP algs=ES256"]
        );
        assert_eq!(shown("Negotiate abc/d==, Bearer"), ["Negotiate", "Bearer"]);
        assert_eq!(shown("Newauth, Basic realm=x"), ["Newauth", "Basic realm=x"]);
    }

    #[test]
    fn names_are_found_in_any_case() {
        let challenges = parse(r#"bearer Error="invalid_token""#);
        assert!(challenges[0].is("Bearer"));
        assert_eq!(challenges[0].parameter("error"), Some("invalid_token"));
    }

    #[test]
    fn a_header_of_any_length_takes_little_time() {
        let begun = std::time::Instant::now();
        for length in [LONGEST, 400_000] {
            for piece in ["a ", "a b=", "\"", "a=\"", "a b/", "b/"] {
                parse(&piece.repeat(length / piece.len()));
            }
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
    }

    #[test]
    fn broken_headers_give_what_can_be_read() {
        assert_eq!(shown(r#"Bearer realm="never closed"#), ["Bearer realm=never closed"]);
        assert_eq!(shown(r#"="x", ü Bearer error=a"#), ["x", "Bearer error=a"]);
        assert_eq!(shown(""), [""; 0]);
        assert_eq!(shown("a=b"), ["a", "b"]);
    }
}
