package testenv

import (
	"fmt"
	mrand "math/rand/v2"
	"net"
	"sync"
)

// Ports are taken from below the ephemeral range of Linux (32768) and macOS (49152), so that no outgoing connection and no listener on port 0 takes
// one while its owner is killed. A process has a block of them to itself, and hands out all of it before it hands out one again, so that nobody else
// who asks here does either.
const (
	firstPort = 20000
	portBlock = 300
	blocks    = 40
)

// ports is a process's block.
type ports struct {
	first int
	token net.PacketConn // nil: all blocks were taken, and it shares one

	mu   sync.Mutex
	next int
}

// block claims one by the UDP port that has the number of its first, which ends with the process however that ends.
var block = sync.OnceValue(func() *ports {
	begin := mrand.IntN(blocks)
	for i := range blocks {
		first := firstPort + (begin+i)%blocks*portBlock
		if token, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", first)); err == nil {
			return &ports{first: first, token: token}
		}
	}
	return &ports{first: firstPort + begin*portBlock, next: mrand.IntN(portBlock)}
})

// FreePort is a loopback port that nobody listens on now, and that stays its owner's over a Kill and Start.
func FreePort() int {
	b := block()
	b.mu.Lock()
	defer b.mu.Unlock()
	port := 0
	for range portBlock {
		port = b.first + b.next%portBlock
		b.next++
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			break
		}
	}
	return port // where none is free, whoever listens on it says so
}
