package release

import (
	"errors"
	"time"

	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// The stretches of time in which signatures are counted. A stretch counts until all of it
// lies behind the limit's span, so the limit holds for any 60 minutes and any 24 hours,
// and now and then for a minute or a quarter of an hour more.
const (
	minute  = 60
	quarter = 15 * 60
	hour    = 60 * 60
	day     = 24 * hour
)

// countOf is how many signatures of a product were made lately.
func countOf(r store.Reader, p store.SigningPolicy) (store.SigningCount, error) {
	c, err := store.SigningCounts.Get(r, store.ProductKey(p.Vendor, p.Product))
	if errors.Is(err, store.ErrNotFound) {
		return store.SigningCount{Vendor: p.Vendor, Product: p.Product}, nil
	}
	return c, err
}

// fits says whether one more may be made.
func fits(p store.SigningPolicy, c store.SigningCount, now time.Time) error {
	if n := sum(c.Minutes, now, minute, hour); p.MaxPerHour > 0 && n >= p.MaxPerHour {
		return refuse(sign.CodeLimit, "wait, or have the policy changed", "%d signatures of product %q in the last hour, at most %d", n, p.Product, p.MaxPerHour)
	}
	if n := sum(c.Hours, now, quarter, day); p.MaxPerDay > 0 && n >= p.MaxPerDay {
		return refuse(sign.CodeLimit, "wait, or have the policy changed", "%d signatures of product %q in the last day, at most %d", n, p.Product, p.MaxPerDay)
	}
	return nil
}

// count adds one, if it fits.
func count(tx store.Tx, p store.SigningPolicy, now time.Time) error {
	c, err := countOf(tx, p)
	if err != nil {
		return err
	}
	if err := fits(p, c, now); err != nil {
		return err
	}
	c.Minutes = add(c.Minutes, now, minute, hour)
	c.Hours = add(c.Hours, now, quarter, day)
	return store.SigningCounts.Put(tx, c)
}

// counts reports whether a stretch still counts. One in the future does: the clock was
// set back, which must not be a way around a limit.
func counts(c store.TimedCount, now time.Time, width, span int64) bool {
	return c.From+width+span > now.Unix()
}

func sum(list []store.TimedCount, now time.Time, width, span int64) (n int) {
	for _, c := range list {
		if counts(c, now, width, span) {
			n += c.N
		}
	}
	return n
}

// add counts one more and forgets what no longer counts.
func add(list []store.TimedCount, now time.Time, width, span int64) []store.TimedCount {
	at := now.Unix() - now.Unix()%width
	var out []store.TimedCount
	found := false
	for _, c := range list {
		if !counts(c, now, width, span) {
			continue
		}
		if c.From == at {
			c.N++
			found = true
		}
		out = append(out, c)
	}
	if !found {
		out = append(out, store.TimedCount{From: at, N: 1})
	}
	return out
}
