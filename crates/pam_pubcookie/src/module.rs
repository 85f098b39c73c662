//! The questions that PAM asks a module, answered.

use crate::authentication::{Authenticator, Denial};
use crate::boundary::{Priority, Status, Transaction};

/// Is the pass phrase right? (`pam_sm_authenticate`)
pub fn authenticate<'a>(
    transaction: &mut Transaction,
    arguments: impl IntoIterator<Item = Option<&'a str>>,
) -> Status {
    let Some(arguments) = arguments.into_iter().collect::<Option<Vec<_>>>() else {
        transaction.log(Priority::Error, "an argument is not UTF-8: nobody is let in");
        return Status::ServiceError;
    };
    let authenticator = match Authenticator::new(arguments) {
        Ok(authenticator) => authenticator,
        Err(error) => {
            transaction.log(Priority::Error, &format!("{error}: nobody is let in"));
            return Status::ServiceError;
        }
    };
    for warning in &authenticator.warnings {
        transaction.log(Priority::Warning, warning);
    }
    let (Some(user), Some(pass_phrase)) = (transaction.user(), transaction.pass_phrase()) else {
        transaction.log(
            Priority::Notice,
            "refused: no user name or no pass phrase in UTF-8 was given",
        );
        return Status::AuthenticationError;
    };
    match authenticator.authenticate(&user, &pass_phrase) {
        Ok(cookie) => {
            let message = format!(
                "accepted a granting cookie of user {user:?} at {:?}",
                cookie.app_server_id
            );
            transaction.log(Priority::Info, &message);
            if let Err(error) = authenticator.sweep() {
                let message = format!("cannot clear old entries from the replay directory: {error}");
                transaction.log(Priority::Warning, &message);
            }
            transaction.remember_user(user)
        }
        Err(Denial::Setup(error)) => {
            transaction.log(Priority::Error, &format!("{error}: nobody is let in"));
            Status::ServiceError
        }
        Err(denial) => {
            transaction.log(Priority::Notice, &format!("refused user {user:?}: {denial}"));
            Status::AuthenticationError
        }
    }
}

/// May the user come in now (`pam_sm_acct_mgmt`), and is there a credential to set (`pam_sm_setcred`)?
///
/// Yes for the user whose cookie this module has just accepted. Of others it knows nothing: PAM goes by the other
/// modules then, and refuses if there are none.
pub fn confirm(transaction: &mut Transaction) -> Status {
    let user = transaction.user();
    if user.is_some() && transaction.remembered_user() == user {
        Status::Success
    } else {
        Status::Ignore
    }
}
