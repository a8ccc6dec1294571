package distribution

import (
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Ends returns until when each role's published metadata counts: root, targets, timestamp,
// snapshot and status. Empty before anything is published.
func Ends(have Reader) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	raw, version, err := NewestRoot(have)
	if err != nil || version == 0 {
		return out, err
	}
	a := &advance{have: have}
	if a.root, err = metadata.Root().FromBytes(raw); err != nil {
		return nil, fmt.Errorf("published root %d: %w", version, err)
	}
	out[metadata.ROOT] = a.root.Signed.Expires
	if err := a.readPublished(); err != nil || a.snapshot == nil {
		return out, err
	}
	out[metadata.TIMESTAMP], out[metadata.SNAPSHOT] = a.timestamp.Signed.Expires, a.snapshot.Signed.Expires
	for _, role := range []string{metadata.TARGETS, statusRole} {
		list, _, err := a.lastTargets(role, a.snapshot.Signed.Meta[role+".json"])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		if list != nil {
			out[role] = list.Signed.Expires
		}
	}
	return out, nil
}
