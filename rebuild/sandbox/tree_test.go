package sandbox

import (
	"os"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// descendants counts the processes below this one.
func descendants() int {
	entries, _ := os.ReadDir("/proc")
	parents := map[int]int{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if parent, _, ok := stat(pid); ok {
				parents[pid] = parent
			}
		}
	}
	n := 0
	for pid := range parents {
		for at, steps := parents[pid], 0; at > 1 && steps < len(parents); at, steps = parents[at], steps+1 {
			if at == os.Getpid() {
				n++
				break
			}
		}
	}
	return n
}
