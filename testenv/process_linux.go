package testenv

import (
	"os/exec"
	"syscall"
)

// dieWithParent puts the child in a process group of its own, away from the terminal's Ctrl-C, and has the kernel kill it when
// its parent dies.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
