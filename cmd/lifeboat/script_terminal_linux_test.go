package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// On Linux, scripts have one command more:
//
//	terminal STATUS FILE KEYS lifeboat …   runs lifeboat on a terminal of its own, presses keys when it asks, an element of KEYS (apart by commas, escapes as
//	                                       in Go) for each question, and wants it to end with STATUS; what the terminal has shown is written to FILE
func init() { commands["terminal"] = cmd(4, (*stage).terminal) }

func (s *stage) terminal(args []string) error {
	want, err := number(args[0])
	if err != nil {
		return err
	}
	ours, theirs, err := openTerminal()
	if err != nil {
		return err
	}
	defer ours.Close()
	c := exec.CommandContext(s.ctx, args[3], args[4:]...)
	c.Dir, c.Env = s.ts.MkAbs("."), s.environ()
	c.Stdin, c.Stdout, c.Stderr = theirs, theirs, theirs
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that Ctrl-C is a signal
	err = c.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	var g errgroup.Group
	var screen bytes.Buffer
	g.Go(func() error {
		keys := strings.Split(args[2], ",")
		part := make([]byte, 4096)
		for asked := 0; ; {
			n, err := ours.Read(part)
			screen.Write(part[:n])
			if err != nil {
				return nil // EIO: nobody has the terminal open any more
			}
			for ; bytes.Count(screen.Bytes(), []byte("[yes/no] ")) > asked && asked < len(keys); asked++ {
				text, err := strconv.Unquote(`"` + keys[asked] + `"`)
				if err != nil {
					return err
				}
				if _, err := ours.WriteString(text); err != nil {
					return err
				}
			}
		}
	})
	err = c.Wait()
	if gerr := g.Wait(); gerr != nil {
		return gerr
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return err
	}
	shown := strings.ReplaceAll(screen.String(), "\r\n", "\n")
	if err := os.WriteFile(s.ts.MkAbs(args[1]), []byte(shown), 0o644); err != nil {
		return err
	}
	if got := c.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("exit status %d, want %d; the terminal shows\n%s", got, want, shown)
	}
	return nil
}

// environ is what a script's programs have in their environment.
func (s *stage) environ() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LIFEBOAT_STATE_DIR"} {
		env = append(env, name+"="+s.ts.Getenv(name))
	}
	return append(env, "TERM=dumb")
}

// openTerminal returns both ends of a new pseudo-terminal.
func openTerminal() (ours, theirs *os.File, err error) {
	if ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		ours.Close()
	}
	return ours, theirs, err
}
