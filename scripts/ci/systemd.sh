#!/usr/bin/env bash
# Checks that the systemd unit keeps the relay confined: an exposure level of at most 2.0 of 10.
#   scripts/ci/systemd.sh
# It needs systemd-analyze. As root on Debian it installs systemd. It skips the check if it is missing; with CI=true
# it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/ci/lib.sh
require "systemd unit" systemd-analyze
systemd-analyze security --offline=true --threshold=20 --no-pager scripts/deploy/wpre-relay.service | tail -n 1
