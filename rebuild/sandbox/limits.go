package sandbox

import "time"

const (
	// lookEvery is how often disk and memory are looked at.
	lookEvery = 250 * time.Millisecond
	// maxFiles is how many files and folders a command may leave: a checkout of a very
	// large source has 1,000,000; every one costs us a look.
	maxFiles = 4 << 20
	// maxOutput is how much of what a command prints is kept: a person reads it.
	maxOutput = 1 << 20
	// maxOpenFiles is RLIMIT_NOFILE, what most distributions give.
	maxOpenFiles = 1 << 16
	// memoryFolder is the size of /tmp and of /dev/shm, as a part of Limits.Memory.
	memoryFolder = 4
	// maxStatus is the size of what bwrap says about its child; it is some 300 bytes.
	maxStatus = 4096
	// endWait is how long we wait for the pipes of a tree that was killed.
	endWait = 10 * time.Second
)
