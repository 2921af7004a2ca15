package testenv_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// TestPortsOfProcessesDoNotMeet has several processes take ports at the same time, as tests of packages do: a broker's that is killed, or a JVM's that is
// about to start, is nobody else's.
func TestPortsOfProcessesDoNotMeet(t *testing.T) {
	const each = 20
	if os.Getenv("LIFEBOAT_TEST_PORTS") != "" {
		for range each {
			fmt.Println("port", testenv.FreePort())
		}
		os.Stdin.Read(make([]byte, 1)) // until the test has heard of all
		return
	}
	taken := map[int]int{}
	for i := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPortsOfProcessesDoNotMeet$")
		cmd.Env = append(os.Environ(), "LIFEBOAT_TEST_PORTS=1")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer in.Close()
		for range each {
			var port int
			if _, err := fmt.Fscanf(out, "port %d\n", &port); err != nil {
				t.Fatal(err)
			}
			if by, is := taken[port]; is {
				t.Errorf("processes %d and %d both have port %d", by, i, port)
			}
			taken[port] = i
		}
	}
	for range 20 {
		port := testenv.FreePort()
		if _, is := taken[port]; is {
			t.Errorf("port %d is another process's", port)
		}
	}
}

// TestPortInUseIsPassedOver takes the ports of a block by somebody who does not ask for them.
func TestPortInUseIsPassedOver(t *testing.T) {
	next := testenv.FreePort() + 1
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(next))
	if err != nil {
		if strings.Contains(err.Error(), "in use") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	defer l.Close()
	if port := testenv.FreePort(); port == next {
		t.Errorf("port %d is in use", port)
	}
}
