package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// Clients that go on in the background of a script, and rights.

// stopper ends what a command has left running.
func (s *stage) stopper(end func() error) func() error {
	end = sync.OnceValue(end)
	s.ts.Defer(func() { _ = end() }) // the script may have ended it, and what it says then is told there
	return end
}

// join has a consumer be a member of a group until `leave`; it commits nothing.
func (s *stage) join(args []string) error {
	joined := make(chan struct{})
	cl, err := s.client(args[0], kgo.ConsumerGroup(args[1]), kgo.ConsumeTopics(args[2]), kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { close(joined) }))
	if err != nil {
		return err
	}
	s.member = s.stopper(func() error { cl.Close(); return nil })
	select {
	case <-joined:
		return nil
	case <-s.ctx.Done():
		return errors.New("the group has no member yet")
	}
}

func (s *stage) leave([]string) error { return s.member() }

// keepWriting writes an order every few milliseconds, whatever anybody has said, until `quiet`.
func (s *stage) keepWriting(args []string) error {
	order, err := s.orderOf(args[0], args[1])
	if err != nil {
		return err
	}
	cl, err := s.client(args[0], kgo.DefaultProduceTopic(args[1]))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error {
		defer cl.Close()
		for i := 200; ; i++ { // later ones than all others
			rec, err := order(i)
			if err == nil {
				err = cl.ProduceSync(ctx, rec).FirstErr()
			}
			if ctx.Err() != nil {
				return nil
			} else if err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	s.writer = s.stopper(func() error { cancel(); return g.Wait() })
	return nil
}

func (s *stage) quiet([]string) error { return s.writer() }

// transaction writes an order in a transaction that stays open until `commit`.
func (s *stage) transaction(args []string) error {
	cl, err := s.client(args[0], kgo.DefaultProduceTopic(args[1]), kgo.TransactionalID("app"))
	if err != nil {
		return err
	}
	s.ts.Defer(cl.Close)
	s.open = cl
	order, err := s.orderOf(args[0], args[1])
	if err != nil {
		return err
	}
	rec, err := order(150)
	if err == nil {
		err = cl.BeginTransaction()
	}
	if err != nil {
		return err
	}
	return cl.ProduceSync(s.ctx, rec).FirstErr()
}

func (s *stage) commit([]string) error { return s.open.EndTransaction(s.ctx, kgo.TryCommit) }

// configure sets configs of a topic.
func (s *stage) configure(args []string) error {
	cl, err := s.client(args[0])
	if err != nil {
		return err
	}
	defer cl.Close()
	var alter []kadm.AlterConfig
	for _, arg := range args[2:] {
		k, v, _ := strings.Cut(arg, "=")
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: &v})
	}
	resp, err := kadm.NewClient(cl).AlterTopicConfigs(s.ctx, alter, args[1])
	if err != nil {
		return err
	}
	for _, r := range resp {
		err = errors.Join(err, r.Err)
	}
	return err
}

var operations = map[string]kadm.ACLOperation{"READ": kadm.OpRead, "WRITE": kadm.OpWrite, "DESCRIBE": kadm.OpDescribe}

// grant allows a user an operation on a topic; take removes that.
func (s *stage) grant(args []string) error {
	return s.right(args, func(adm *kadm.Client, b *kadm.ACLBuilder) error {
		made, err := adm.CreateACLs(s.ctx, b)
		for _, r := range made {
			err = errors.Join(err, r.Err)
		}
		return err
	})
}

func (s *stage) take(args []string) error {
	return s.right(args, func(adm *kadm.Client, b *kadm.ACLBuilder) error {
		gone, err := adm.DeleteACLs(s.ctx, b)
		for _, r := range gone {
			err = errors.Join(err, r.Err)
		}
		return err
	})
}

func (s *stage) right(args []string, do func(*kadm.Client, *kadm.ACLBuilder) error) error {
	op, known := operations[args[2]]
	if !known {
		return fmt.Errorf("no operation %q", args[2])
	}
	cl, err := s.client(args[0])
	if err != nil {
		return err
	}
	defer cl.Close()
	return do(kadm.NewClient(cl), kadm.NewACLs().Allow(args[1]).AllowHosts("*").Topics(args[3]).ResourcePatternType(kadm.ACLPatternLiteral).Operations(op))
}

// rights writes the rights on topics that a region holds to a file, a line each.
func (s *stage) rights(args []string) error {
	cl, err := s.client(args[0])
	if err != nil {
		return err
	}
	defer cl.Close()
	described, err := kadm.NewClient(cl).DescribeACLs(s.ctx, kadm.NewACLs().Allow().AllowHosts().Deny().DenyHosts().Topics().ResourcePatternType(kadm.ACLPatternAny).Operations(kadm.OpAny))
	if err != nil {
		return err
	}
	var lines []string
	for _, r := range described {
		if r.Err != nil {
			return r.Err
		}
		for _, a := range r.Described {
			lines = append(lines, fmt.Sprintln(a.Permission, a.Principal, a.Operation, a.Name))
		}
	}
	slices.Sort(lines)
	return os.WriteFile(s.ts.MkAbs(args[1]), []byte(strings.Join(lines, "")), 0o644)
}
