# Sourced by the scripts whose checks need programs of other packages.

# need WHAT PACKAGE PROGRAM...: for WHAT the programs must be there. As root on Debian it installs the package that has them, unless
# that is ""; where they are missing, the script ends: with CI=true that is a failure, elsewhere it says what it skips.
need() {
	local what=$1 package=$2 program missing=
	shift 2
	for program; do command -v "$program" >/dev/null || missing=$program; done
	[ -n "$missing" ] || return 0
	if [ -n "$package" ] && ((EUID == 0)) && command -v apt-get >/dev/null; then
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
		return
	fi
	if [ "${CI:-}" = true ]; then
		echo "${0##*/}: there is no $missing, and no way to install it" >&2
		exit 1
	fi
	echo "SKIPPED: $what (no $missing${package:+; apt-get install $package})"
	exit 0
}
