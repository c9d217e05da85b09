#!/bin/sh
# One sync for cron, the answers and the messages: cron.sh SETTINGS TARGET [OPTION…]
# SETTINGS is a file with a line NAME='value' for each variable, which only its owner may read.
set -eu
: "${2:?usage: cron.sh SETTINGS TARGET [OPTION…]}"
set -a # what the file sets is for the programs
. "$1"
set +a
shift
cd "$(dirname "$0")/../.."
exec .venv/bin/python -m orchestrate.chain "$@" --wait 0
