//go:build unix && !linux

package testenv

import (
	"os/exec"
	"syscall"
)

// dieWithParent leaves the child in this process's group, so that Ctrl-C reaches both: only Linux can tie a child to its
// parent's death.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{} }
