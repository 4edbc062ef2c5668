//! What the SQL stores say alike: names of tables and columns, and the statements over them.
//!
//! A row is replaced only where it is still as it was read: `revision`, `fencing`, `lease` and `intent` change with every
//! write, so comparing them compares the row.

/// How a database writes what the standard leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
}

impl Dialect {
    /// The n-th parameter, from 1.
    fn parameter(self, n: usize) -> String {
        match self {
            Dialect::Sqlite => format!("?{n}"),
        }
    }

    /// A comparison in which null equals null.
    fn same(self, column: &str, parameter: &str) -> String {
        match self {
            Dialect::Sqlite => format!("{column} IS {parameter}"),
        }
    }
}

/// Names of tables.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) grants: String,
    pub(super) pending: String,
}

impl Default for Names {
    fn default() -> Self {
        Names { grants: "evergrant_grants".to_owned(), pending: "evergrant_pending".to_owned() }
    }
}

/// The clear columns of a grant, in the order in which every statement has them.
const HEADER: [&str; 10] = [
    "grant_id",
    "generation",
    "revision",
    "status",
    "obtained_at",
    "expires_at",
    "keepalive_at",
    "retry_at",
    "renewable",
    "updated_at",
];

/// The statements of one database.
#[derive(Clone, Debug)]
pub(super) struct Statements {
    /// `client, subject, slot` in; the header, record, lease, fencing and intent out.
    pub(super) read: String,
    /// `client, subject, slot`, header, record, lease, fencing, intent.
    pub(super) insert: String,
    /// As `insert`, then the row as it was: revision, fencing, lease, intent.
    pub(super) replace: String,
    /// `client, subject, slot`, then the row as it was.
    pub(super) remove: String,
    /// Client or null, `client, subject, slot` to begin after, limit; then what the choice takes. Key, header and record out.
    pub(super) page_of_grants: String,
    /// As `page_of_grants`, with expiry and keep-alive limits.
    pub(super) page_of_due: String,
    /// As `page_of_grants`.
    pub(super) page_of_consents: String,
    /// As `page_of_grants`, with the time before which they were written.
    pub(super) page_of_tombstones: String,
    /// The time at or before which transactions have expired.
    pub(super) drop_pending: String,
    /// State, document, expiry.
    pub(super) put_pending: String,
    /// State and now; document (none: it was taken) and result out.
    pub(super) read_pending: String,
    /// State.
    pub(super) take_pending: String,
    /// Result, state.
    pub(super) settle_pending: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect, names: &Names) -> Self {
        let (table, pending) = (&names.grants, &names.pending);
        let at = |n: usize| dialect.parameter(n);
        let header = HEADER.join(", ");
        let key = format!("client = {} AND subject = {} AND slot = {}", at(1), at(2), at(3));
        // After the key come the header's columns and the four others.
        let others = ["record", "lease", "fencing", "intent"];
        let columns: Vec<&str> = HEADER.into_iter().chain(others).collect();
        let list = |items: Vec<String>| items.join(", ");
        let values = list((1..=3 + columns.len()).map(at).collect());
        let assignments =
            columns.iter().enumerate().map(|(n, column)| format!("{column} = {}", at(n + 4)));
        let as_it_was = |first: usize| {
            format!(
                "revision = {} AND fencing = {} AND {} AND {}",
                at(first),
                at(first + 1),
                dialect.same("lease", &at(first + 2)),
                dialect.same("intent", &at(first + 3)),
            )
        };
        let page = |chosen: String| {
            format!(
                "SELECT client, subject, slot, {header}, record FROM {table} \
                 WHERE ({one} IS NULL OR client = {one}) AND (client, subject, slot) > ({}, {}, {}) AND {chosen} \
                 ORDER BY client, subject, slot LIMIT {}",
                at(2),
                at(3),
                at(4),
                at(5),
                one = at(1),
            )
        };
        Statements {
            read: format!(
                "SELECT {header}, record, lease, fencing, intent FROM {table} WHERE {key}"
            ),
            insert: format!(
                "INSERT INTO {table} (client, subject, slot, {}) VALUES ({values}) \
                 ON CONFLICT (client, subject, slot) DO NOTHING",
                columns.join(", ")
            ),
            replace: format!(
                "UPDATE {table} SET {} WHERE {key} AND {}",
                list(assignments.collect()),
                as_it_was(4 + columns.len())
            ),
            remove: format!("DELETE FROM {table} WHERE {key} AND {}", as_it_was(4)),
            page_of_grants: page("status <> 'tombstone'".to_owned()),
            page_of_due: page(format!(
                "(status = 'revoking' OR status = 'active' AND renewable AND (expires_at <= {} OR keepalive_at <= {}))",
                at(6),
                at(7)
            )),
            page_of_consents: page("status = 'needs_consent'".to_owned()),
            page_of_tombstones: page(format!("status = 'tombstone' AND updated_at < {}", at(6))),
            drop_pending: format!("DELETE FROM {pending} WHERE expires_at <= {}", at(1)),
            put_pending: format!(
                "INSERT INTO {pending} (state, document, expires_at) VALUES ({}, {}, {})",
                at(1),
                at(2),
                at(3)
            ),
            read_pending: format!(
                "SELECT document, result FROM {pending} WHERE state = {} AND expires_at > {}",
                at(1),
                at(2)
            ),
            take_pending: format!("UPDATE {pending} SET document = NULL WHERE state = {}", at(1)),
            settle_pending: format!(
                "UPDATE {pending} SET result = {} WHERE state = {}",
                at(1),
                at(2)
            ),
        }
    }
}
