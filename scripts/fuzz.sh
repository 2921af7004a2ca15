#!/bin/sh
# Runs every fuzz target of the module, or of the directories that are named, for $FUZZTIME each, one after the other. Inputs are made smaller for two seconds at most: by default Go
# takes a minute for each that finds something new, and for a long document, such as a snapshot, that is all of the time.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- .
grep -rlE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' --include='*_test.go' "$@" | while read -r file; do
	dir=$(dirname "$file")
	sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(f \*testing\.F\).*/\1/p' "$file" | while read -r target; do
		echo "== $dir $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime "${FUZZMINIMIZETIME:-2s}" "./$dir"
	done
done
