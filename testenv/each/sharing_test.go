package each

import (
	"context"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// Tests that ask for the same share a pair; others, and those that ask for one of their own, do not.
func TestSharingByOptions(t *testing.T) {
	started := 0
	k := &kind{name: "fake", missing: func() string { return "" }, start: func(context.Context, testenv.Options) (*testenv.Env, error) {
		started++
		return &testenv.Env{Stop: func() error { return nil }}, nil
	}}
	if testing.Short() {
		t.Skip("-short: no kind but embedded is shared")
	}
	one := func(key string) Option { return Sharing(testenv.Options{Configs: map[string]string{key: "1"}}) }
	plain, a, b, again := k.get(t, nil), k.get(t, []Option{one("a")}), k.get(t, []Option{one("b")}), k.get(t, []Option{one("a")})
	if a != again || k.get(t, nil) != plain || a == b || a == plain || started != 3 {
		t.Errorf("%d pairs were started for three kinds of wishes", started)
	}
	if own := k.get(t, []Option{With(testenv.Options{Configs: map[string]string{"a": "1"}})}); own == a || started != 4 {
		t.Error("a pair of its own is shared")
	}
}
