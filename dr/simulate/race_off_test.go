//go:build !race

package simulate

// raced says that the race detector is on: everything takes five times as long.
const raced = false
