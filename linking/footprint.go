package linking

import "runtime/debug"

// Of a process's memory Go's runtime does not count the program's own pages, some 30 MiB, and it passes its limit by what is allocated while it collects.
const uncounted = 48 << 20

// LimitMemory has the process stay within so many bytes, as far as garbage can be collected: its resident set, not only its heap.
func LimitMemory(memory int64) { debug.SetMemoryLimit(memory - min(uncounted, memory/4)) }
