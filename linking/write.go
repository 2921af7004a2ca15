package linking

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Write produces records and returns when they are acknowledged, or when ctx ends. A client that writes idempotently waits for the answer to what is
// on its way for as long as that takes, whatever becomes of ctx: what it writes next could be taken for a repeat. So with ctx it is closed.
func Write(ctx context.Context, cl *kgo.Client, records ...*kgo.Record) error {
	stop := context.AfterFunc(ctx, cl.Close)
	defer stop()
	err := cl.ProduceSync(ctx, records...).FirstErr()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
