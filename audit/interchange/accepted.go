package interchange

import (
	"encoding/hex"
	"net/url"
	"time"
)

// Accepted says what has become of an assessment at the CA. Whoever exports takes it
// from the register, and exports assessments in force only: nothing here can tell a
// withdrawn one.
type Accepted struct {
	// Assessment is its id: the SHA-256 of the signed payload, 64 digits of lower-case
	// hex.
	Assessment string
	// At is when an officer accepted it.
	At time.Time
	// URL is where the signed envelope can be had (https), "" when it is not published.
	URL string
	// LogOrigin and LogIndex are its place in the transparency log; no origin, no log.
	LogOrigin string
	LogIndex  uint64
}

func (a Accepted) check() error {
	raw, err := hex.DecodeString(a.Assessment)
	switch {
	case err != nil || len(raw) != 32 || a.Assessment != hex.EncodeToString(raw):
		return refuse(NotAccepted, "the id %.80q is no SHA-256 in lower-case hex", a.Assessment)
	case a.At.IsZero():
		return refuse(NotAccepted, "there is no time of acceptance")
	case a.URL != "" && !isHTTPS(a.URL):
		return refuse(BadOption, "the assessment's URL %.80q is no https URL", a.URL)
	}
	return nil
}

func isHTTPS(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}
