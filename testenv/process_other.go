//go:build !unix

package testenv

import (
	"context"
	"fmt"
	"os/exec"
)

func dieWithParent(*exec.Cmd) {}

func (p *process) pause() error  { return ErrNotSupported }
func (p *process) resume() error { return ErrNotSupported }

// lockFile is missing here, and with it StartKafka.
func lockFile(context.Context, string) (func(), error) {
	return nil, fmt.Errorf("no file locks on this system: %w", ErrMissing)
}
