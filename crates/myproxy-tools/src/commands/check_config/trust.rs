//! Trust roots: authorities, their signing policies and revocation lists.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::x509::{X509, X509Crl};

use super::access;
use super::finding::{Finding, Severity};
use super::settings::{Server, trust_directory};

const DIRECTIVE: &str = "MyProxyTrustDir";
const GET_ROOTS: &str = "fill it from your grid's packages, or with mod-myproxy trustroots";

/// The trust directory. What is wrong with one authority is doubtful only: whether the MyProxy server's certificate
/// depends on it shows when that is asked.
pub fn check(server: &Server) -> Vec<Finding> {
    let directory = trust_directory(server);
    let finding =
        |severity, problem: String, advice: &str| server.finding(severity, DIRECTIVE, problem, advice);
    let mut names: Vec<PathBuf> = match fs::read_dir(&directory) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => {
            let problem = format!("cannot read {}: {error}", directory.display());
            return vec![finding(Severity::Fails, problem, GET_ROOTS)];
        }
    };
    names.sort();
    if let Some(obstacle) = access::obstacle(&directory, server.children()) {
        return vec![finding(Severity::Fails, obstacle, "")];
    }
    let authorities: Vec<_> = names.iter().filter(|path| hash(path, "").is_some()).collect();
    if authorities.is_empty() {
        let problem = format!(
            "there is no certification authority (<hash>.0) in {}",
            directory.display()
        );
        return vec![finding(Severity::Fails, problem, GET_ROOTS)];
    }
    let lists = names.iter().filter(|path| hash(path, "r").is_some());
    let problems = authorities
        .into_iter()
        .filter_map(|path| authority(path))
        .chain(lists.filter_map(|path| revocation_list(path)));
    let problems = problems.map(|(problem, advice)| finding(Severity::Doubtful, problem, advice));
    let unreadable = names.iter().filter(|path| !path.is_dir()).filter_map(|path| {
        let obstacle = access::obstacle(path, server.children())?;
        Some(finding(Severity::Fails, obstacle, ""))
    });
    problems.chain(unreadable.take(1)).collect()
}

type Problem = (String, &'static str);

/// The hash of a file `<hash>.<mark><number>`.
fn hash<'p>(path: &'p Path, mark: &str) -> Option<&'p str> {
    let (hash, extension) = path.file_name()?.to_str()?.split_once('.')?;
    let number = extension.strip_prefix(mark)?;
    let is_hash = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_hash && is_number).then_some(hash)
}

fn authority(path: &Path) -> Option<Problem> {
    let shown = path.display();
    let Some(certificate) = fs::read(path).ok().and_then(|pem| X509::from_pem(&pem).ok()) else {
        return Some((
            format!("there is no certificate (PEM) in {shown}"),
            "put the authority's there",
        ));
    };
    let expected = format!("{:08x}", certificate.subject_name_hash());
    if hash(path, "") != Some(&*expected) {
        // Directories for old programs besides have each authority under its old hash too.
        return (!path.with_file_name(format!("{expected}.0")).exists()).then(|| {
            (
                format!("{shown} is never looked at: its authority's hash is {expected}"),
                "rename it (openssl rehash)",
            )
        });
    }
    if is_past(certificate.not_after()) {
        return Some((
            format!("the authority in {shown} has expired, and nothing that it signed is trusted"),
            "get its new certificate",
        ));
    }
    let policy = path.with_extension("signing_policy");
    if let Err(error) = fs::read(&policy) {
        return Some((
            format!(
                "cannot read {}: {error}: nothing that the authority signed is trusted",
                policy.display()
            ),
            "get the signing policy from where the authority's certificate is from",
        ));
    }
    None
}

fn revocation_list(path: &Path) -> Option<Problem> {
    let shown = path.display();
    let Some(list) = fs::read(path).ok().and_then(|pem| X509Crl::from_pem(&pem).ok()) else {
        return Some((
            format!(
                "there is no revocation list (PEM) in {shown}: nothing that its authority signed is trusted"
            ),
            "run fetch-crl",
        ));
    };
    list.next_update().filter(|end| is_past(end)).map(|end| {
        (
            format!("the revocation list {shown} has expired ({end}): nothing that its authority signed is trusted"),
            "run fetch-crl, and see that it runs regularly",
        )
    })
}

fn is_past(time: &Asn1TimeRef) -> bool {
    Asn1Time::days_from_now(0).is_ok_and(|now| *time < *now)
}
