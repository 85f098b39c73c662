#!/bin/sh
# Installs the packages in $3..., with $1 (the policy that says whether services may start, /usr/sbin/policy-rc.d)
# replaced for so long by one that lets nothing start. What they have start with the machine (and what is listed in the
# file $2) is disabled; what cannot be is listed in $2.
#
# The policy is moved aside and moved back: same file, same contents, owner, mode and time; after a failure or a signal
# too. A run that was killed before it could is made good by the next. Two runs do it one after the other.
set -e
policy=$1
still_enabled=$2
shift 2
# A lock on the directory of the policy. apt-get inherits it: while one still installs, though this script was killed,
# nobody puts the policy back.
exec 9<"${policy%/*}"
flock 9
aside=$policy.moved-aside-by-cargo-xtask
mark='# Temporary, by cargo xtask: no service is started while packages are installed.'
put_back() {
    if [ -e "$aside" ] || [ -L "$aside" ]; then
        mv -f -- "$aside" "$policy"
    elif grep -q -s -F -x "$mark" "$policy"; then
        rm -f -- "$policy"
    fi
}
put_back
trap put_back EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
if [ -e "$policy" ] || [ -L "$policy" ]; then
    mv -- "$policy" "$aside"
fi
(umask 022 && printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy" && chmod 755 "$policy")

DEBIAN_FRONTEND=noninteractive
NEEDRESTART_SUSPEND=1
export DEBIAN_FRONTEND NEEDRESTART_SUSPEND
install() {
    apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 -- "$@"
}
# What systemd starts with the machine.
enabled() {
    if command -v systemctl >/dev/null; then
        systemctl list-unit-files --type=service,socket,timer --state=enabled --no-legend | cut -d ' ' -f 1
    fi
}
before=" $(enabled | tr '\n' ' ')"
if [ $# -gt 0 ]; then
    if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
        apt-get update
    fi
    # Lists that are there may be too old.
    install "$@" || { apt-get update; install "$@"; }
fi

# Nor does a service start with the machine that nobody asked for.
failed=
for unit in $({ enabled; cat "$still_enabled" 2>/dev/null || true; } | sort -u); do
    case $before in
    *" $unit "*) grep -q -s -F -x "$unit" "$still_enabled" || continue ;;
    esac
    if ! systemctl --quiet disable "$unit"; then
        echo "$unit could not be disabled: it will start with the machine; the next run tries again" >&2
        failed="$failed$unit
"
    fi
done
if [ -n "$failed" ]; then printf %s "$failed" >"$still_enabled"; else rm -f -- "$still_enabled"; fi
