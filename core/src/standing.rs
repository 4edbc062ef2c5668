//! How a grant stands, without asking the provider and without sending anybody anywhere: what a page needs to know before it
//! shows "connected" or a button.

use crate::authorize::Start;
use crate::error::Result;
use crate::refresh::judgement::missing_scope;
use crate::refresh::{Decision, Refresher, Refusal, Want, decide};
use crate::store::{Entry, GrantKey};
use serde::Serialize;
use std::sync::Arc;

/// What can be done for a user now.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// Which of the three it is.
    pub status: StandingStatus,
    /// Why the user is needed: `no_grant`, `missing_scope`, `hold`, `revoking`, or a reason of `needs_consent`.
    pub reason: Option<String>,
    /// What was wanted and is not granted.
    pub missing_scope: Vec<String>,
    /// Where to send the user who is needed.
    pub start: Option<Start>,
}

/// Whether a user has to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingStatus {
    /// There is an access token that works.
    Valid,
    /// There will be one as soon as it is asked for.
    Refreshable,
    /// The user has to consent.
    NeedUser,
}

/// How the grant of `key` stands to a wish for `wanted`.
pub(crate) async fn standing(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    wanted: &[String],
) -> Result<Standing> {
    let (context, record) = (&refresher.context, refresher.load(key).await?);
    let want = Want::Usable { entry: Entry::default(), min_valid: 0 };
    let now = context.settings.now();
    let decision = decide(record.as_deref(), key, now, &refresher.policy(), &want);
    let missing_scope = match &record {
        Some(record) => missing_scope(record, wanted, context.settings.offline_scope()),
        None => Vec::new(),
    };
    let (status, reason) = match decision {
        Decision::NoGrant if context.settings.first_tokens(key).is_some() => {
            (StandingStatus::Refreshable, None)
        }
        Decision::NoGrant => (StandingStatus::NeedUser, Some("no_grant".to_owned())),
        Decision::Refuse(Refusal::NeedsConsent { reason, .. }) => {
            (StandingStatus::NeedUser, Some(reason.as_str().to_owned()))
        }
        Decision::Refuse(Refusal::Held { .. }) => {
            (StandingStatus::NeedUser, Some("hold".to_owned()))
        }
        Decision::Refuse(Refusal::Revoking) => {
            (StandingStatus::NeedUser, Some("revoking".to_owned()))
        }
        _ if !missing_scope.is_empty() => {
            (StandingStatus::NeedUser, Some("missing_scope".to_owned()))
        }
        Decision::Use | Decision::UseAndRefresh => (StandingStatus::Valid, None),
        Decision::Refresh | Decision::Refuse(Refusal::BackOff { .. }) => {
            (StandingStatus::Refreshable, None)
        }
    };
    Ok(Standing { status, reason, missing_scope, start: None })
}
