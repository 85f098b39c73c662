//! The lists: what a machine needs, by the names of Debian and of Fedora.

/// A package by its names in Debian and in Fedora.
pub struct Package {
    pub debian: &'static str,
    pub fedora: &'static str,
}

/// What a machine needs besides Rust to build and to run.
pub const NEEDED: &[Package] = &[
    // To build: bindings to httpd's own headers, OpenSSL, PAM.
    Package {
        debian: "gcc",
        fedora: "gcc",
    },
    Package {
        debian: "make",
        fedora: "make",
    },
    Package {
        debian: "pkg-config",
        fedora: "pkgconf-pkg-config",
    },
    Package {
        debian: "libclang-dev",
        fedora: "clang-devel",
    },
    Package {
        debian: "apache2-dev",
        fedora: "httpd-devel",
    },
    Package {
        debian: "libssl-dev",
        fedora: "openssl-devel",
    },
    Package {
        debian: "libpam0g-dev",
        fedora: "pam-devel",
    },
    // To run: httpd (apache2-bin starts none), its peers, and PAM services of one's own.
    Package {
        debian: "apache2-bin",
        fedora: "httpd mod_ssl",
    },
    Package {
        debian: "myproxy",
        fedora: "myproxy",
    },
    Package {
        debian: "myproxy-server",
        fedora: "myproxy-server",
    },
    Package {
        debian: "redis-server",
        fedora: "redis",
    },
    Package {
        debian: "mount",
        fedora: "util-linux",
    },
    Package {
        debian: "libpam-wrapper",
        fedora: "pam_wrapper",
    },
];

/// What the tests need besides that.
pub const NEEDED_BY_TESTS: &[Package] = &[
    // Recorded cookies are shown at the time when they were made, and hours pass in seconds.
    Package {
        debian: "libfaketime",
        fedora: "libfaketime",
    },
    // A client that speaks HTTP/2.
    Package {
        debian: "curl",
        fedora: "curl",
    },
    // What a user sees, in a real browser.
    Package {
        debian: "chromium",
        fedora: "chromium",
    },
    Package {
        debian: "chromium-driver",
        fedora: "chromedriver",
    },
    // Applications in other languages, which run as other users.
    Package {
        debian: "php-fpm",
        fedora: "php-fpm",
    },
    Package {
        debian: "libapache2-mod-wsgi-py3",
        fedora: "python3-mod_wsgi",
    },
    // A MyProxy server that asks VOMS.
    Package {
        debian: "libmyproxy-voms",
        fedora: "myproxy-voms",
    },
    // What a user opens a downloaded credential with.
    Package {
        debian: "openssl",
        fedora: "openssl",
    },
    // Users of other single sign-ons than ours: OpenID Connect and Kerberos.
    Package {
        debian: "libapache2-mod-auth-openidc",
        fedora: "mod_auth_openidc",
    },
    Package {
        debian: "libapache2-mod-auth-gssapi",
        fedora: "mod_auth_gssapi",
    },
    Package {
        debian: "krb5-kdc",
        fedora: "krb5-server",
    },
    Package {
        debian: "krb5-admin-server",
        fedora: "krb5-server",
    },
    Package {
        debian: "krb5-user",
        fedora: "krb5-workstation",
    },
];
