package recipe

import "time"

// Bounds on a document, and on what it may ask of a rebuilder.
const (
	// MaxDocument is the size of a recipe in bytes. One that needs more is a program,
	// and belongs into the source.
	MaxDocument = 64 << 10

	maxNodes    = 4096 // values in a document; what 64 KB of terse YAML hold, and no more
	maxNesting  = 8    // tasks, a list of maps with lists in them, are at 5
	maxText     = 4096 // bytes of one value: a shell line in a command
	maxName     = 200
	maxWords    = 256 // of one command
	maxOutputs  = 64  // a large Debian source package has some dozens
	maxFiles    = 256 // declared inputs
	maxTasks    = 15  // an outcome has 16 envelopes, and the first says whether it was reproduced
	maxTools    = 32
	maxVariable = 64 // environment variables

	// What a rebuilder gives without being asked, and at most. The largest are guesses
	// at what an operator will let a stranger's recipe have.
	defaultTime, maxTime           = 30 * time.Minute, 12 * time.Hour
	defaultMemory, maxMemory       = 4 << 30, 256 << 30
	defaultDisk, maxDisk           = 8 << 30, 1 << 40
	defaultProcesses, maxProcesses = 1024, 65536
)
