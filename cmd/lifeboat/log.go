package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
)

// repeatAfter is how long an equal line is not logged again.
const repeatAfter = time.Minute

// logger writes warnings to stderr, and with --verbose what is done. What a warning is repeated for, as long as nobody mends it, is
// said once a minute.
func (a *app) logger(c *cli.Context) *slog.Logger {
	level := slog.LevelWarn
	if c.Bool("verbose") {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(a.stderr, o)
	if c.String("format") == "json" { // between the lines of events
		h = slog.NewJSONHandler(a.stderr, o)
	}
	switch {
	case c.Bool("verbose"):
		return slog.New(h)
	case c.Bool("once"):
		return slog.New(slog.DiscardHandler) // whatever was wrong is what the command ends with
	}
	return slog.New(&rarely{Handler: h, seen: new(seen)})
}

// rarely is a handler that drops a record equal to one that it has written in the last minute.
type rarely struct {
	slog.Handler
	attrs string
	seen  *seen
}

type seen struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (r *rarely) Handle(ctx context.Context, rec slog.Record) error {
	key := r.attrs + rec.Level.String() + rec.Message
	rec.Attrs(func(a slog.Attr) bool { key += a.String() + " "; return true })
	r.seen.mu.Lock()
	again := rec.Time.Sub(r.seen.at[key]) < repeatAfter
	if !again {
		if r.seen.at == nil || len(r.seen.at) > 1000 {
			r.seen.at = map[string]time.Time{}
		}
		r.seen.at[key] = rec.Time
	}
	r.seen.mu.Unlock()
	if again {
		return nil
	}
	return r.Handler.Handle(ctx, rec)
}

func (r *rarely) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &rarely{r.Handler.WithAttrs(attrs), r.attrs + fmt.Sprint(attrs), r.seen}
}

func (r *rarely) WithGroup(name string) slog.Handler {
	return &rarely{r.Handler.WithGroup(name), r.attrs + name + ".", r.seen}
}
