//! Which process of the server this is. The same program runs in all of them.

use switchboard::Role;

/// Does this process own the sockets, and with them the data directory?
pub(crate) fn is_master() -> bool {
    switchboard::role() == Role::Master
}

/// For the log: what it does, and its number as in `switchboard-chat status`.
pub(crate) fn title() -> String {
    let role = match switchboard::role() {
        Role::Master => "master",
        Role::Manager => "manager",
        Role::Worker => "worker",
        Role::Process => "hub",
        _ => "process",
    };
    format!("{role} {}", std::process::id())
}
