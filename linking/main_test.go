package linking_test

import (
	"flag"
	"os"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(runChild(text))
	}
	if err := flag.Set("test.parallel", "4"); err != nil { // they wait for brokers more than they compute; the command line may say another number
		panic(err)
	}
	each.Main(m)
}
