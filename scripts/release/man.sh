#!/usr/bin/env bash
# Writes manual pages from the help: wpre-relay.1 and a page for each command.
#   scripts/release/man.sh PROGRAM DIR
# The date of the pages is SOURCE_DATE_EPOCH, or today.
set -euo pipefail
program=$1 dir=$2
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%d)

# page NAME DESCRIPTION converts the help on standard input. Headings end with a colon, a flag or command and its text
# are separated by two spaces, and more lines of a text are indented like it.
page() {
	awk -v name="$1" -v text="$2" -v date="$date" '
		function roff(s) {
			gsub(/\\/, "\\e", s); gsub(/-/, "\\-", s); gsub(/~/, "\\(ti", s); gsub(/\^/, "\\(ha", s); sub(/^[.\047]/, "\\\\&&", s)
			return s
		}
		function trim(s) { sub(/^ +/, "", s); return s }
		BEGIN {
			printf ".TH %s 1 %s wpre-relay\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.nf\n", toupper(name), date, name, roff(text)
		}
		/^Usage: / || (NR == 2 && /^  /) { sub(/^Usage: /, ""); sub(/^ +/, ""); print roff($0); next }
		!described { print ".fi\n.SH DESCRIPTION"; described = 1 }
		/^[A-Z].*:$/ { sub(/:$/, ""); print ".SH " toupper(roff($0)); next }
		/^ +/ && match($0, /^( *)(-|\[?<|[a-z]+  )/) && match($0, /[^ ]  +/) {
			print ".TP\n.B " roff(trim(substr($0, 1, RSTART)))
			print roff(substr($0, RSTART + RLENGTH))
			next
		}
		/^ +-/ { print ".TP\n.B " roff(trim($0)); next }
		/^$/ { print ".PP"; next }
		{ print roff(trim($0)) }
		END { if (name != "wpre-relay") print ".SH SEE ALSO\n.BR wpre\\-relay (1)" }'
}

mkdir -p "$dir"
"$program" help | page wpre-relay "real-time relay for the WordPress plugin WP Realtime Events" >"$dir/wpre-relay.1"
"$program" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\(.*\)\.$/\1 \2/p' | while read -r command text; do
	"$program" help "$command" | page "wpre-relay-$command" "$text" >"$dir/wpre-relay-$command.1"
done
