//! The systemd unit.

use crate::{Proof, ServerSetup};

/// `myproxy-server.service`: the server as a daemon, seeing no more of the machine than it needs.
pub(crate) fn file(setup: &ServerSetup) -> String {
    let environment: String = setup
        .environment()
        .iter()
        .map(|(name, value)| format!("Environment={name}={value}\n"))
        .collect();
    let user = setup
        .user
        .as_ref()
        .map(|user| format!("User={}\n", user.name))
        .unwrap_or_default();
    let mut writable: Vec<String> = ["ca", "store", "run"].map(|name| setup.path(name)).to_vec();
    // Modules that check pass phrases may ask set-user-ID programs; pam_pubcookie needs nobody.
    let privileges = match setup.proof {
        Proof::PassPhrases { .. } => "",
        Proof::GrantingCookies(_) => {
            writable.push(setup.path("replay"));
            "NoNewPrivileges=yes\n"
        }
    };
    format!(
        "[Unit]\n\
         Description=MyProxy server\n\
         Documentation=man:myproxy-server(8)\n\
         After=network-online.target\n\
         Wants=network-online.target\n\
         \n\
         [Service]\n\
         Type=forking\n\
         {user}{environment}\
         ExecStart={}\n\
         PIDFile={}\n\
         ExecReload=/bin/kill -HUP $MAINPID\n\
         Restart=on-failure\n\
         ProtectSystem=strict\n\
         ReadWritePaths={}\n\
         PrivateTmp=yes\n\
         PrivateDevices=yes\n\
         {privileges}\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        setup.command().join(" "),
        setup.pid_file(),
        writable.join(" "),
    )
}
