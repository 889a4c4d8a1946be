#!/usr/bin/env bash
# Checks that the systemd units keep the relay confined: an exposure level of at most 2.0 of 10.
#   scripts/ci/systemd.sh
# It needs systemd-analyze. As root on Debian it installs systemd. It skips the check if it is missing; with CI=true
# it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/ci/lib.sh
require "systemd unit" systemd-analyze
systemd-analyze security --offline=true --threshold=20 --no-pager scripts/deploy/wpre-relay.service | tail -n 1
. scripts/release/debian.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
template_unit >"$work/wpre-relay@.service"
cp "$work/wpre-relay@.service" "$work/wpre-relay@shop.service"
systemd-analyze security --offline=true --threshold=20 --no-pager "$work/wpre-relay@shop.service" | tail -n 1
