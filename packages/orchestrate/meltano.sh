#!/bin/sh
# Two parts of a pipeline with Meltano, which itself stops at the first that fails:
#   meltano.sh 'tap-dagctl-runs target-duckdb' 'dbt-duckdb:now notify:duckdb dbt-duckdb:check'
# The second also runs if only a part of the sync failed. The exit code is 0 if nothing failed.
# It runs in the checkout it belongs to; a copy of it, in the folder that it is called in.
set -u
: "${2:?usage: meltano.sh 'TAP TARGET' 'ANSWERS AND MESSAGES'}"
checkout="$(dirname "$0")/../.."
if test -f "$checkout/packages/orchestrate/meltano.sh"; then cd "$checkout" || exit; fi
PATH="$PWD/.tools/meltano/bin:$PATH"
meltano run $1
loaded=$?
# 1: something failed. If the account can be read, the rest is loaded.
case $loaded in
0) ;;
1) meltano invoke "${1%% *}" --test || exit 1 ;;
*) exit $loaded ;;
esac
meltano run $2 || exit
exit $loaded
