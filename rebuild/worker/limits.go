package worker

import "time"

const (
	// maxRootEntries and maxRootBytes bound the tar of a root: a Debian system with a
	// desktop's build dependencies has 400,000 files and 10 GB.
	maxRootEntries = 2 << 20
	maxRootBytes   = 32 << 30
	// maxReport is the size of a task's report: it has to fit into an envelope, in base64.
	maxReport = 700 << 10
	// maxTestOutput bounds the output of a test that is read for the names of its tests.
	maxTestOutput = 64 << 20
	// maxTestNames and maxTestNameBytes bound the names in one statement; beyond that,
	// it has the packages only.
	maxTestNames, maxTestNameBytes = 8192, 400 << 10
	// maxShown is how many differences of one kind a summary lists.
	maxShown = 40
	// maxCompared is how much of a file is looked into for a summary.
	maxCompared = 256 << 20
	// maxMembers is how many members of an archive are compared.
	maxMembers = 100_000
	// maxTail is how much of a failed command's output goes into a statement.
	maxTail = 16 << 10
	// maxBlockLines is how many lines diffoscope shows of one part of a file.
	maxBlockLines = 400
	// toolTime bounds small commands, and diffTime all diffs of a job, whatever a recipe says.
	toolTime, diffTime = time.Minute, 5 * time.Minute
	// firstPause and lastPause are how long a rebuilder waits for a server that does not
	// answer: doubled each time.
	firstPause, lastPause = time.Second, time.Minute
	// deliverFor is how long a finished outcome is offered to a server that is away:
	// a restart, or an upgrade.
	deliverFor = 30 * time.Minute
)
