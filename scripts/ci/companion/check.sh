#!/usr/bin/env bash
# Checks the PHP files that WordPress loads: the syntax with PHP and for PHP 7.4, the style with those rules of the
# WordPress coding standards that Debian has, and the companion's outbox
# and claims.
#   scripts/ci/companion/check.sh
# It needs php, phpcs, and node with npm. As root on Debian it installs the first two. It skips the check if a program
# is missing; with CI=true it fails.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. scripts/ci/lib.sh
require "PHP syntax and style" php phpcs node npm

here=scripts/ci/companion
npm_install $here
files=(relay/companion/*.php $here/*.php scripts/e2e/wordpress/*.php testdata/wp-realtime-events/*.php)

for file in "${files[@]}"; do php -l "$file" | { grep -v '^No syntax errors' || true; }; done
node $here/syntax.mjs "${files[@]}"
phpcs -s --standard=$here/phpcs.xml "${files[@]}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/realtime-events"
php $here/outbox-test.php "$work/realtime-events"
php $here/claims-test.php "$work"

# The syntax check must reject the syntax of PHP 8.
for new in 'match (1) { 1 => 2 };' '$a?->b;' 'f( a: 1 );' 'function f( int|string $a ) {}' \
	'class A { function __construct( private $a ) {} }' 'function f( mixed $a ) {}' \
	'class A { public readonly int $a; }' 'enum A { case B; }'; do
	echo "<?php $new" >"$work/new.php"
	if node $here/syntax.mjs "$work/new.php" 2>/dev/null; then
		echo "check.sh: the check for PHP 7.4 accepts $new" >&2
		exit 1
	fi
done
echo "PASS ${#files[@]} PHP files: valid in PHP 7.4, in the style of WordPress"
