#!/bin/sh
# Runs every benchmark on real Kafka, one after the other, and prints tables in Markdown. BENCH="link engine" chooses.
set -eu
cd "$(dirname "$0")/.."
for name in ${BENCH:-$(cd bench && ls -d -- */ | tr -d /)}; do
	printf '\n## %s\n\n' "$name"
	go run "./bench/$name"
done
