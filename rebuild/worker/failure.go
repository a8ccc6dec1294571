package worker

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

// failure is a way for a rebuild to end that is not our own fault, and so becomes a
// statement.
type failure struct {
	reason attest.RebuildReason
	text   string
}

func (f *failure) Error() string { return string(f.reason) + ": " + f.text }

func failed(reason attest.RebuildReason, format string, args ...any) error {
	return &failure{reason, fmt.Sprintf(format, args...)}
}

// ended judges how a command in the sandbox ended: well, badly (a failure with the
// reason given), or not at all through a fault of ours.
func ended(reason attest.RebuildReason, what string, r sandbox.Result, err error) error {
	var e *sandbox.Error
	switch {
	case err == nil && r.Exit == 0:
		return nil
	case err == nil:
		return failed(reason, "%s: exit code %d\n%s", what, r.Exit, lastOf(r.Output))
	case errors.As(err, &e) && (e.Reason == sandbox.Time || e.Reason == sandbox.Disk || e.Reason == sandbox.Memory):
		return failed(reason, "%s: stopped at a limit of the recipe: %s: %s\n%s", what, e.Reason, e.Detail, lastOf(r.Output))
	}
	return fmt.Errorf("%s: %w", what, err)
}

// lastOf is the end of what a command printed, whole lines of it.
func lastOf(output string) string {
	output = strings.TrimSpace(output)
	if len(output) <= maxTail {
		return output
	}
	output = output[len(output)-maxTail:]
	if _, rest, ok := strings.Cut(output, "\n"); ok {
		output = rest
	}
	return "…\n" + output
}
