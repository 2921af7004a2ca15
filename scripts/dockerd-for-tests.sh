#!/bin/sh
# Starts a Docker daemon for `go test` where none runs, as root, and prints the exports that point tests to it:
#
#	eval "$(scripts/dockerd-for-tests.sh DIR)"
#
# DIR takes the daemon's data, its log (dockerd.log) and its process id (dockerd.pid); `kill $(cat DIR/dockerd.pid)` ends it.
# Missing packages are installed where apt-get exists.
set -eu
dir=${1:?usage: dockerd-for-tests.sh DIR}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
	command -v apt-get >/dev/null || { echo "dockerd and iptables are missing, and so is apt-get to install them" >&2; exit 1; }
	apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables >&2
fi

export DOCKER_HOST="unix://$dir/docker.sock"
if ! docker info >/dev/null 2>&1; then
	setsid dockerd --data-root "$dir/data" --exec-root "$dir/exec" -p "$dir/dockerd.pid" -H "$DOCKER_HOST" >"$dir/dockerd.log" 2>&1 </dev/null &
	tries=0
	until docker info >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 150 ] || { echo "dockerd does not answer; its log ends:" >&2; tail -n 20 "$dir/dockerd.log" >&2; exit 1; }
		sleep 0.2
	done
fi
echo "export DOCKER_HOST=$DOCKER_HOST"
