package testenv

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
)

// process is a child that dies with this process, however that ends.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the child is gone and reaped
	err    error         // of Wait; read it after exited
}

// startProcess starts cmd and watches over it until it ends. Linux ends a child with its parent only while the *thread* that
// started it lives (prctl(2), PR_SET_PDEATHSIG), so a goroutine of its own stays with the child on one thread.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	dieWithParent(cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		<-p.exited
		return nil, err
	}
	return p, nil
}

// signal is an error when the child is gone.
func (p *process) signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// kill ends the child with SIGKILL, also a stopped one, and returns when it is gone.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.exited
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
