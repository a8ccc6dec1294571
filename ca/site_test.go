package ca

import (
	"testing"
	"time"
)

// openSite opens a hierarchy's directory for a change at a time.
func openSite(t *testing.T, dir string, now time.Time) *Site {
	t.Helper()
	s, err := OpenSite(SiteConfig{Dir: dir, Secrets: Secrets{Passphrase: passphrase, encrypt: cheapEncrypt}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
