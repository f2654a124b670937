#!/bin/sh
# The databases in zones/geo are what make_mmdb.py writes.
cd "$(dirname "$0")/../zones/geo" || exit 1
dir=$(mktemp -d) || exit 1
python3 make_mmdb.py "$dir" && cmp country.mmdb "$dir/country.mmdb" && cmp asn.mmdb "$dir/asn.mmdb"
bad=$?
rm -r "$dir"
exit $bad
