package sandbox

import (
	"fmt"
	"io"
	"time"
)

// Spec is one command and what it may see and use.
type Spec struct {
	// Root is a folder that becomes /, read-only. Empty: the host's /usr and what
	// belongs to it.
	Root string
	// Mounts are laid over it, in their order.
	Mounts []Mount
	// Dir is where the command starts, inside.
	Dir     string
	Command []string
	// Environment is all of it, NAME=VALUE.
	Environment []string
	Hostname    string
	User        int // uid and gid inside; at least 1
	Umask       int
	CPUs        int // how many it may use; 0: all
	// Network leaves the host's network to it: for declared fetches only.
	Network bool
	Limits  Limits
	// Stdout gets what the command prints there, past which it is still limited by
	// Limits.Disk; nil: into Result.Output, with standard error.
	Stdout io.Writer
	// RootBecomes is the host's uid and gid that a command of root's runs as; 0: 65534,
	// which is "nobody" everywhere. Limits.Processes then counts all that this user runs.
	RootBecomes int
}

// Mount shows a folder or file of the host inside.
type Mount struct {
	Host, Inside string
	Writable     bool // counted against Limits.Disk
}

// Limits bound a command.
type Limits struct {
	Time      time.Duration
	Memory    int64 // bytes, of all processes
	Disk      int64 // bytes, of all writable mounts, and of any one file
	Processes int
}

// Result is how a command ended.
type Result struct {
	Exit   int    // exit code
	Output string // what it printed, the end of it when it is too much
}

// Reason says which limit ended a command, for programs to switch on.
type Reason string

// The reasons.
const (
	Time      Reason = "time"
	Disk      Reason = "disk"
	Memory    Reason = "memory"
	Cancelled Reason = "cancelled" // the context's end
	Broken    Reason = "broken"    // the sandbox itself could not be set up: nothing is known about the command
)

// Error is every error of Run. That the command failed is no error: see Result.Exit.
type Error struct {
	Reason Reason
	Detail string
	Err    error
}

func (e *Error) Error() string {
	s := "sandbox: " + string(e.Reason) + ": " + e.Detail
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func broken(err error, format string, args ...any) *Error {
	return &Error{Reason: Broken, Detail: fmt.Sprintf(format, args...), Err: err}
}
