//! What `apachectl configtest` says of the directives that say what is asked of the MyProxy server: keys, virtual
//! organisations, and an old `MYPROXY_EXTRA_PARAMS` value.

use testbed::httpd::configtest;

/// The refusal of a configuration, which has to be one.
fn refusal(configuration: &str) -> String {
    match configtest(configuration) {
        Ok(words) => panic!("accepted:\n{configuration}\n{words}"),
        Err(words) => words,
    }
}

#[test]
fn a_key_is_of_a_kind_that_is_signed_and_written_in_a_form_that_is_read() {
    for (line, words) in [
        (
            "MyProxyKey rsa:1024",
            "\"rsa:1024\" is not a kind of key: write rsa:2048,",
        ),
        ("MyProxyKey ec:p521", "\"ec:p521\" is not a kind of key"),
        (
            "MyProxyKeyFormat der",
            "\"der\" is not a format of private keys: write pkcs1 or pkcs8",
        ),
    ] {
        let said = refusal(line);
        let directive = line.split(' ').next().unwrap_or_default();
        assert!(
            said.contains(&format!("{directive}: ")) && said.contains(words),
            "{said}"
        );
    }
    let accepted = configtest("MyProxyKey EC:P384\nMyProxyKeyFormat PKCS8");
    accepted.unwrap_or_else(|words| panic!("{words}"));
}

#[test]
fn an_organisation_is_named_with_its_groups_and_roles() {
    for (line, words) in [
        (
            "MyProxyVO /atlas",
            "\"/atlas\" is not the name of a virtual organisation",
        ),
        ("MyProxyVO atlas:/atlas", "\"atlas:/atlas\" is not the name"),
        (
            "MyProxyVO atlas /atlas/Capability=x",
            "a capability, which a MyProxy server cannot ask VOMS for",
        ),
        (
            "MyProxyVO atlas\n<Location /b>\nMyProxyVO cms\n</Location>",
            "would be kept in the same MyProxyCredStoreDir",
        ),
    ] {
        let said = refusal(line);
        assert!(said.contains("MyProxyVO: ") && said.contains(words), "{said}");
    }
    let line = "MyProxyVO atlas /atlas/de /atlas/Role=pilot cms";
    let accepted = configtest(&format!("{line}\n<Location /b>\n{line}\n</Location>"));
    accepted.unwrap_or_else(|words| panic!("{words}"));
}

#[test]
fn an_old_value_is_taken_or_refused_by_the_option() {
    for (options, words) in [
        ("-l alice", "-l of myproxy-logon has no meaning here"),
        ("-t 12 -S", "-S of myproxy-logon"),
        (
            "--out=/tmp/x",
            "--out of myproxy-logon has no meaning here: files are kept in MyProxyCredStoreDir",
        ),
        ("-qt 12", "-q of myproxy-logon"),
        ("-T", "mod-myproxy trustroots"),
        ("-a file", "MyProxyRenew"),
        ("-n", "MyProxyAuthMethod certificate"),
        ("-x", "\"-x\" is no option of myproxy-logon"),
        ("12", "\"12\" is no option"),
        ("-t", "-t needs a value"),
        ("-t 0", "-t: \"0\" is not a number of hours from 1 to 8760"),
        ("-t 8761", "-t: \"8761\" is not a number of hours"),
        ("-p 0", "-p: \"0\" is not a port"),
        ("-s good,a..b", "-s: \"a..b\" is not a host name"),
        ("-k ''", "-k: the credential name is empty"),
        ("-m :x", "-m: the VO name does not begin"),
        ("-k 'x", "a quotation mark is not closed"),
    ] {
        let said = refusal(&format!("MyProxyExtraParams \"{options}\""));
        assert!(
            said.contains("MyProxyExtraParams: ") && said.contains(words),
            "{options}: {said}"
        );
    }
    let every = r#"-s 'a.example.org:7513, b.example.org' -p7514 --proxy_lifetime=24 -k 'my work' -m atlas --voms cms:/cms"#;
    for options in [every, "  -t  12 "] {
        let accepted = configtest(&format!("MyProxyExtraParams \"{options}\""));
        accepted.unwrap_or_else(|words| panic!("{words}"));
    }
}

/// Two that say the same, wherever the directive stands, in whatever order.
#[test]
fn an_option_and_its_directive_are_not_given_both() {
    for (option, directive) in [
        ("-s a.example.org", "MyProxyServer b.example.org"),
        ("-t 12", "MyProxyLifetime 3600"),
        ("-t 12", "<Location /a>\nMyProxyLifetime 3600\n</Location>"),
        ("-k work", "<Location /a>\nMyProxyCredName work\n</Location>"),
        ("-m atlas", "MyProxyVO atlas"),
    ] {
        let option_line = format!("MyProxyExtraParams \"{option}\"");
        for configuration in [
            format!("{option_line}\n{directive}"),
            format!("{directive}\n{option_line}"),
        ] {
            let said = refusal(&configuration);
            let name = &option[..2];
            assert!(
                said.contains("MyProxyExtraParams: ")
                    && said.contains(name)
                    && said.contains("leave one out"),
                "{configuration}: {said}"
            );
        }
    }
    // What says something else goes together.
    let together = "MyProxyServer a.example.org\nMyProxyExtraParams \"-p 7513 -t 24\"\nMyProxyCredName work";
    configtest(together).unwrap_or_else(|words| panic!("{words}"));
}
