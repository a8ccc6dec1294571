package doctor

import (
	"context"
	"fmt"
	"time"
)

// Ending is what an expiry is about: how long before it people have to act, and how.
type Ending string

// The endings.
const (
	// EndsAuthority: certificates of roots, issuing CAs (and with them their OCSP responders),
	// the timestamping CA and the operator CA.
	EndsAuthority Ending = "authority"
	// EndsStamps: the timestamping authority's certificate.
	EndsStamps Ending = "stamps"
	// EndsList: a revocation list that a ceremony renews.
	EndsList Ending = "list"
	// EndsRoot and EndsTargets: metadata of the update repository that its distribution key,
	// or operators, sign.
	EndsRoot    Ending = "root metadata"
	EndsTargets Ending = "targets metadata"
	// EndsDaily: what a running server makes anew by itself each day.
	EndsDaily Ending = "daily metadata"
)

const (
	// authorityNear: a code signing certificate lives for 460 days at most and ends with the CA
	// above it; from here on vendors would get less than they asked for.
	authorityNear = 500 * 24 * time.Hour
	// stampsNear: tools that know no time but the present refuse older timestamps when their
	// authority has ended. A year lets people plan.
	stampsNear = 365 * 24 * time.Hour
	// listNear: people meet for it once a year, and holidays are long.
	listNear = 60 * 24 * time.Hour
	// rootNear and targetsNear: the server renews both at half of their two years and one. What
	// is nearer than this waits for somebody.
	rootNear    = 180 * 24 * time.Hour
	targetsNear = 90 * 24 * time.Hour
	// dailyNear: a timestamp holds for three days, and a server makes it anew twice a day.
	dailyNear = 24 * time.Hour
)

// Expiry is when something of the CA ends.
type Expiry struct {
	About    string // "certificate standard-2", "update repository: root"
	Kind     Ending
	NotAfter time.Time
	Renew    string // the command that renews it
}

// near says how long before its end somebody should know, and what follows from the end.
func (k Ending) near() (before time.Duration, consequence string) {
	switch k {
	case EndsStamps:
		return stampsNear, "nothing can be timestamped then"
	case EndsList:
		return listNear, "verifiers that need it refuse then"
	case EndsRoot:
		return rootNear, "machines refuse every update then"
	case EndsTargets:
		return targetsNear, "machines refuse every update then"
	case EndsDaily:
		return dailyNear, "machines refuse updates until the server has run again"
	}
	return authorityNear, "what it issues ends with it"
}

// expiries warns of what ends soon, and reports what has ended.
func (e *examination) expiries(context.Context) error {
	now := time.Now
	if e.Now != nil {
		now = e.Now
	}
	at := now()
	for _, x := range e.Expiries {
		before, consequence := x.Kind.near()
		end := x.NotAfter.UTC().Format(time.RFC3339)
		switch left := x.NotAfter.Sub(at); {
		case left <= 0 && x.Kind != EndsDaily:
			e.problem(x.About, x.Renew, "ended on %s: %s", end, consequence)
		case left <= 0:
			e.warn(x.About, x.Renew, "ended on %s: %s", end, consequence)
		case left < before:
			e.warn(x.About, x.Renew, "ends on %s, in %d day(s): %s", end, int(left.Hours()/24), consequence)
		}
	}
	return nil
}

func (e *examination) warn(about, hint, format string, args ...any) {
	e.report(Finding{Severity: Warning, About: about, Detail: fmt.Sprintf(format, args...), Hint: hint})
}
