#!/usr/bin/env bash
# Checks the PHP that WordPress loads: its syntax, by PHP and for PHP 7.4, and its style, by the WordPress coding standards as far as
# Debian has them. Needs php, phpcs and node with npm; as root on Debian it installs the first two.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=../need.sh
. ../need.sh
need "PHP's syntax" php-cli php
need "PHP's style" php-codesniffer phpcs
need "the syntax of PHP 7.4" "" node npm

npm ci --silent --no-audit --no-fund --prefer-offline
files=(*.php ../../../relay/companion/*.php ../../e2e/wordpress/*.php ../../../testdata/wp-realtime-events/*.php)

for file in "${files[@]}"; do php -l "$file" | { grep -v '^No syntax errors' || true; }; done
node syntax.mjs "${files[@]}"
phpcs -s --standard=phpcs.xml "${files[@]}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/realtime-events"
php outbox-test.php "$work/realtime-events"

# What it is to find, it finds.
for new in 'match (1) { 1 => 2 };' '$a?->b;' 'f( a: 1 );' 'function f( int|string $a ) {}' 'class A { function __construct( private $a ) {} }' \
	'function f( mixed $a ) {}' 'class A { public readonly int $a; }' 'enum A { case B; }'; do
	echo "<?php $new" >"$work/new.php"
	if node syntax.mjs "$work/new.php" 2>/dev/null; then
		echo "check.sh: this passes as PHP 7.4: $new" >&2
		exit 1
	fi
done
echo "PHP: ${#files[@]} files are PHP 7.4, and in the style of WordPress"
