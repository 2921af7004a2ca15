package run

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/engine"
)

func TestCheckTransition(t *testing.T) {
	for _, tc := range []struct {
		name string
		path []engine.Phase // the last step is the one in question
		ok   bool
	}{
		{"a whole life", []engine.Phase{"", engine.Pending, engine.Running, engine.Stopping, engine.Stopped, engine.Pending, engine.Running, engine.Completed, engine.Deleting}, true},
		{"a failure and a new start", []engine.Phase{"", engine.Pending, engine.Failing, engine.Failed, engine.Pending}, true},
		{"trouble and recovery", []engine.Phase{engine.Running, engine.Degraded, engine.Running}, true},
		{"DDL", []engine.Phase{"", engine.Completed}, true},
		{"nothing changes", []engine.Phase{engine.Deleting, engine.Deleting}, true},
		{"completed is the end", []engine.Phase{engine.Completed, engine.Pending}, false},
		{"nothing comes back from deleting", []engine.Phase{engine.Deleting, engine.Running}, false},
		{"a stopped statement is not running", []engine.Phase{engine.Stopped, engine.Running}, false},
		{"an unknown phase", []engine.Phase{engine.Running, "SLEEPING"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := 1; i < len(tc.path); i++ {
				err := CheckTransition(tc.path[i-1], tc.path[i])
				if want := tc.ok || i < len(tc.path)-1; (err == nil) != want {
					t.Errorf("%q to %q: %v", tc.path[i-1], tc.path[i], err)
				}
			}
		})
	}
}
