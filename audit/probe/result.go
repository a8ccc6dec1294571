package probe

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hallmark-pki/hallmark/outbound"
)

func passed(format string, args ...any) Result {
	return Result{Outcome: Passed, Detail: fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) Result {
	return Result{Outcome: Failed, Detail: fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) Result {
	return Result{Outcome: Unknown, Detail: fmt.Sprintf(format, args...)}
}

// notFetched judges a fetch that brought nothing. A server that says "not here" has
// answered; every other trouble may be the network's, or ours.
func notFetched(err error) Result {
	var status *outbound.StatusError
	if errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusGone) {
		return failed("nothing is there any more: %v", err)
	}
	return unknown("could not look: %v", err)
}

// clip makes one line of printable ASCII of a text that strangers may have had a hand
// in: it ends in terminals, pages and messages.
func clip(s string) string {
	line := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, s)
	if len(line) > maxDetail {
		line = line[:maxDetail-3] + "..."
	}
	return strings.TrimSpace(line)
}
