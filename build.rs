//! Finds httpd and APR, makes bindings from the headers of that very httpd, and compiles the C shim.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

fn main() {
    println!("cargo::rerun-if-env-changed=APXS");
    println!("cargo::rerun-if-changed=src/httpd/shim.h");
    println!("cargo::rerun-if-changed=src/httpd/shim.c");

    let compiler_flags = compiler_flags();
    generate_bindings(&compiler_flags);
    compile_shim(&compiler_flags);

    // httpd loads, unloads and loads its modules again; thread-local destructors must not dangle meanwhile.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

/// What httpd itself was compiled with, as `-I...` and `-D...`, from apxs and APR's own config programs.
fn compiler_flags() -> Vec<String> {
    let apxs = env::var("APXS").unwrap_or_else(|_| first_that_runs(&["apxs", "apxs2", "/usr/sbin/apxs"]));
    let mut flags = vec![format!("-I{}", ask(&apxs, &["-q", "INCLUDEDIR"]))];
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    flags.extend(words(ask(&apxs, &["-q", "EXTRA_CPPFLAGS"])));
    flags.extend(words(ask(
        &ask(&apxs, &["-q", "APR_CONFIG"]),
        &["--includes", "--cppflags"],
    )));
    flags.extend(words(ask(&ask(&apxs, &["-q", "APU_CONFIG"]), &["--includes"])));
    require_header(&flags, "httpd.h");
    require_header(&flags, "apr_pools.h");
    flags
}

fn first_that_runs(candidates: &[&str]) -> String {
    let found = candidates
        .iter()
        .find(|name| Command::new(name).args(["-q", "INCLUDEDIR"]).output().is_ok());
    found.map(|name| (*name).to_owned()).unwrap_or_else(|| {
        stop(
            "apxs was not found, which tells where httpd's headers are",
            "apache2-dev",
            "httpd-devel",
        )
    })
}

fn ask(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => stop(
            &format!("`{program} {}` gave no answer", arguments.join(" ")),
            "apache2-dev and libapr1-dev",
            "httpd-devel and apr-devel",
        ),
    }
}

fn require_header(flags: &[String], header: &str) {
    let directories = flags.iter().filter_map(|flag| flag.strip_prefix("-I"));
    if !directories
        .into_iter()
        .any(|directory| Path::new(directory).join(header).exists())
    {
        let message = format!("the header {header} was not found in any of: {}", flags.join(" "));
        stop(
            &message,
            "apache2-dev and libapr1-dev",
            "httpd-devel, apr-devel and apr-util-devel",
        );
    }
}

fn generate_bindings(compiler_flags: &[String]) {
    let builder = bindgen::Builder::default()
        .header("src/httpd/shim.h")
        .clang_args(compiler_flags)
        .allowlist_function("(ap|apr)_.*|shim_.*")
        .allowlist_type("(ap|apr)_.*|(request|server|cmd|command|process)_.*|module.*|auth[nz]_.*")
        .allowlist_var("(AP|APR|APLOG|AUTH[NZ]|MODULE_MAGIC|M|OR|RSRC|ACCESS|HTTP|EXEC|OK|DECLINED|DONE)_?.*")
        .allowlist_var("ap_.*|(SHIM|REQUEST)_.*")
        .blocklist_function("ap_vsn?printf|ap_vrprintf|apr_.*printf|ap_.*printf")
        .blocklist_function("ap_log_.*|ap_vcbprintf|apr_vformatter|apr_pvsprintf")
        .opaque_type("in6?_addr|sockaddr.*|addrinfo")
        .layout_tests(false)
        .generate_comments(false)
        .derive_debug(false);
    // Where libclang is missing, bindgen panics.
    let problem = match catch_unwind(AssertUnwindSafe(|| builder.generate())) {
        Ok(Ok(bindings)) => return write_bindings(&bindings),
        Ok(Err(error)) => format!("httpd's headers could not be read: {error}"),
        Err(_) => "libclang was not found, which reads httpd's headers".to_owned(),
    };
    stop(&problem, "libclang-dev", "clang-devel");
}

fn write_bindings(bindings: &bindgen::Bindings) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("bindings.rs");
    bindings
        .write_to_file(&out)
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", out.display()));
}

fn compile_shim(compiler_flags: &[String]) {
    let mut shim = cc::Build::new();
    shim.file("src/httpd/shim.c").warnings(true).extra_warnings(false);
    for flag in compiler_flags {
        shim.flag(flag);
    }
    if let Err(error) = shim.try_compile("shim") {
        stop(
            &format!("src/httpd/shim.c could not be compiled: {error}"),
            "gcc",
            "gcc",
        );
    }
}

fn stop(problem: &str, debian: &str, fedora: &str) -> ! {
    println!("cargo::error={problem}. Install {debian} (Debian, Ubuntu) or {fedora} (Fedora, RHEL).");
    exit(1)
}
