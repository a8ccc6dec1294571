package child

import "time"

// Bounds on the child. It reads what strangers send, so it is believed to be hostile
// from the first byte on: whoever took it over may hang, flood us or die.
const (
	// maxURL is the longest address asked for: ext allows 512 bytes of repository and
	// adds 81. The child has the same bound.
	maxURL = 1024
	// maxBody bounds what the child may answer; verify reads no more of one address.
	maxBody = 4 << 20
	// maxComplaint bounds what is kept of its stderr: one line for the verdict.
	maxComplaint = 2 << 10
	// timeout bounds its life. The child gives up an exchange after 10 seconds by itself.
	timeout = 15 * time.Second
	// grace is how long its pipes may stay open after it was killed: a grandchild could
	// hold them.
	grace = time.Second
)
