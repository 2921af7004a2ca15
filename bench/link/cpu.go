//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// cpuOf is what a running process has used of CPU time so far, 0 where /proc does not tell.
func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, fields, _ := bytes.Cut(stat, []byte(") ")) // behind the name, which may have anything in it
	var state string
	var skip, user, system int64
	if _, err := fmt.Sscan(string(fields), &state, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system); err != nil {
		return 0
	}
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}

// brokerOf is the process of a region's broker, 0 where /proc does not tell.
func brokerOf(r *testenv.Region) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	properties := []byte("/" + r.Name + "/server.properties")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		_, fields, _ := bytes.Cut(stat, []byte(") "))
		var state string
		var parent int
		if _, err := fmt.Sscan(string(fields), &state, &parent); err != nil || parent != os.Getpid() {
			continue
		}
		if args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && bytes.Contains(args, properties) {
			return pid
		}
	}
	return 0
}
