//! What a server tells about the credentials that it keeps for a user.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::refusal::ServerWords;
use crate::response::{Fields, MalformedAnswer};

/// One of a user's stored credentials, as the server describes it. All texts are as their owner gave them: what is
/// shown of them may have to be escaped. Patterns are of subjects; where there is none the server's default counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCredential {
    /// Its name; the default credential has none.
    pub name: Option<String>,
    /// What its owner says about it.
    pub description: Option<String>,
    /// The subject of the certificate of who stored it, in slash form.
    pub owner: String,
    /// When it was stored, or its certificate begins to be valid.
    pub start_time: SystemTime,
    /// When it expires.
    pub end_time: SystemTime,
    /// Who may get a proxy certificate from it, with its pass phrase.
    pub retrievers: Option<String>,
    /// Who may get one without.
    pub trusted_retrievers: Option<String>,
    /// Who may get the credential itself, with its private key.
    pub key_retrievers: Option<String>,
    /// Who may renew with it.
    pub renewers: Option<String>,
    /// Why the server's administrator locked it.
    pub lock_message: Option<String>,
}

/// Every credential in an answer: the first one has its fields as `CRED_...`, any other one as `CRED_<name>_...`.
pub fn all(fields: &Fields) -> Result<Vec<StoredCredential>, MalformedAnswer> {
    let mut credentials = vec![one(fields, "CRED", text(fields, "CRED_NAME"))?];
    for name in text(fields, "ADDL_CREDS").unwrap_or_default().split(',') {
        if !name.is_empty() {
            credentials.push(one(fields, &format!("CRED_{name}"), Some(name.to_owned()))?);
        }
    }
    Ok(credentials)
}

fn one(fields: &Fields, prefix: &str, name: Option<String>) -> Result<StoredCredential, MalformedAnswer> {
    let field = |key: &str| text(fields, &format!("{prefix}_{key}"));
    let time = |key| {
        let seconds = field(key)
            .and_then(|digits| digits.parse().ok())
            .map(Duration::from_secs);
        seconds
            .and_then(|seconds| UNIX_EPOCH.checked_add(seconds))
            .ok_or(MalformedAnswer::Field(key))
    };
    Ok(StoredCredential {
        name,
        description: field("DESC"),
        owner: field("OWNER").ok_or(MalformedAnswer::Field("OWNER"))?,
        start_time: time("START_TIME")?,
        end_time: time("END_TIME")?,
        retrievers: field("RETRIEVER"),
        trusted_retrievers: field("RETRIEVER_TRUSTED"),
        key_retrievers: field("KEYRETRIEVERS"),
        renewers: field("RENEWER"),
        lock_message: field("LOCKMSG"),
    })
}

fn text(fields: &Fields, key: &str) -> Option<String> {
    let value = fields.get(key)?;
    Some(
        ServerWords::from_lines(std::iter::once(value))
            .as_str()
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::{Response, response};

    fn read(lines: &str) -> Result<Vec<StoredCredential>, MalformedAnswer> {
        let message = format!("VERSION=MYPROXYv2\nRESPONSE=0\n{lines}\0");
        match response(message.as_bytes()) {
            Ok(Some((Response::Ok(fields), _))) => all(&fields),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_credential_is_read_with_its_own_fields() {
        let credentials = read(
            "CRED_START_TIME=1795289741\nCRED_END_TIME=1795462738\nCRED_OWNER=/DC=org/CN=alice\n\
             CRED_RETRIEVER_TRUSTED=/DC=org/CN=portal\nADDL_CREDS=work,home_2\n\
             CRED_work_DESC=at work\nCRED_work_START_TIME=1\nCRED_work_END_TIME=2\nCRED_work_OWNER=/CN=b\n\
             CRED_work_LOCKMSG=not now\nCRED_work_KEYRETRIEVERS=*\n\
             CRED_home_2_START_TIME=3\nCRED_home_2_END_TIME=4\nCRED_home_2_OWNER=/CN=c\nCRED_home_2_RENEWER=/CN=r\n",
        )
        .unwrap();
        let [default, work, home] = credentials.as_slice() else {
            panic!("{credentials:?}")
        };
        assert_eq!(
            (default.name.as_deref(), default.owner.as_str()),
            (None, "/DC=org/CN=alice")
        );
        assert_eq!(default.trusted_retrievers.as_deref(), Some("/DC=org/CN=portal"));
        assert_eq!(default.end_time, UNIX_EPOCH + Duration::from_secs(1_795_462_738));
        assert_eq!(default.retrievers, None);
        assert_eq!(
            (work.name.as_deref(), work.description.as_deref()),
            (Some("work"), Some("at work"))
        );
        assert_eq!(
            (work.lock_message.as_deref(), work.key_retrievers.as_deref()),
            (Some("not now"), Some("*"))
        );
        assert_eq!(
            (home.name.as_deref(), home.renewers.as_deref()),
            (Some("home_2"), Some("/CN=r"))
        );
    }

    #[test]
    fn what_is_missing_or_no_time_is_named() {
        for (lines, field) in [
            ("", "OWNER"),
            ("CRED_OWNER=/CN=a\n", "START_TIME"),
            (
                "CRED_OWNER=/CN=a\nCRED_START_TIME=1\nCRED_END_TIME=-1\n",
                "END_TIME",
            ),
            (
                "CRED_OWNER=/CN=a\nCRED_START_TIME=1\nCRED_END_TIME=99999999999999999999\n",
                "END_TIME",
            ),
            (
                "CRED_OWNER=/CN=a\nCRED_START_TIME=1\nCRED_END_TIME=2\nADDL_CREDS=x\n",
                "OWNER",
            ),
        ] {
            assert_eq!(read(lines), Err(MalformedAnswer::Field(field)), "{lines}");
        }
    }
}
