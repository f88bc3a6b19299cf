//! The rights that the chat gives up before it serves anybody.

use rustix::process::geteuid;
use rustix::thread::set_no_new_privs;
use switchboard::{User, UserError};

use crate::cli::ServeOptions;
use crate::role;

/// From here on nothing that this process executes has more rights than the process: no program that is set-user-ID, and no
/// file capabilities. Processes that it starts inherit that. Becoming a user with fewer rights ([`user`]) is still possible.
pub(crate) fn renounce_privileges(options: &ServeOptions) {
    if let Err(error) = set_no_new_privs(true) {
        tracing::warn!(%error, "the kernel does not let the process give up new privileges");
    }
    if role::is_master() && geteuid().is_root() && options.user.is_none() {
        tracing::warn!(
            "the server runs as root: a defect in it would have all rights of this machine; name a user with --user"
        );
    }
}

/// Who the server is to run as; the library becomes that user once the listeners are bound. The other processes are started
/// by one who is that user already.
pub(crate) fn user(options: &ServeOptions) -> Result<Option<User>, UserError> {
    let Some(name) = options.user.as_deref().filter(|_| role::is_master()) else { return Ok(None) };
    let user = User::find(name)?;
    // Whoever cannot become that user is told so before anything has been made for it.
    user.act(|| ())?;
    Ok(Some(user))
}
