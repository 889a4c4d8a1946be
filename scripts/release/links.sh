#!/usr/bin/env bash
# Fails if a document below a directory has a link to a file that does not exist.
#   scripts/release/links.sh DIR
set -euo pipefail
failed=0
while IFS=: read -r file link; do
	target=${link#](} target=${target%)} target=${target%%#*}
	if [[ -n $target && $target != *://* && ! -e ${file%/*}/$target ]]; then
		echo "FAIL $file: $target does not exist" >&2
		failed=1
	fi
done < <(grep -rHo --include='*.md' '](\([^)]*\))' "$1")
exit "$failed"
