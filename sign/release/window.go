package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// weekdays are the names of days in a policy, as time.Weekday counts them.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// clock is the layout of a time of day; "24:00" is allowed where something ends.
const clock = "15:04"

// open says whether a product may be signed at a time. Hours are those that the clocks
// in the policy's zone show: an hour that is there twice in autumn counts both times.
func open(p store.SigningPolicy, now time.Time) error {
	zone, err := zoneOf(p.Zone)
	if err != nil { // it was there when the policy was set
		return refuse(sign.CodeWindow, "the server's time zones are not those it had: tell the administrator", "time zone %s of the policy is not known here", p.Zone)
	}
	local := now.In(zone)
	day := local.Format(time.DateOnly)
	for _, f := range p.Freezes {
		if f.From <= day && day <= f.Until {
			return refuse(sign.CodeWindow, "", "product %q is frozen until %s: %s", p.Product, f.Until, f.Reason)
		}
	}
	if len(p.Windows) == 0 {
		return nil
	}
	hour, weekday := local.Format(clock), weekdays[local.Weekday()]
	for _, w := range p.Windows {
		if slices.Contains(w.Days, weekday) && w.From <= hour && hour < w.Until {
			return nil
		}
	}
	return refuse(sign.CodeWindow, "", "product %q is signed %s; it is %s %s", p.Product, windowsText(p), weekday, local.Format(clock+" MST"))
}

func windowsText(p store.SigningPolicy) string {
	var parts []string
	for _, w := range p.Windows {
		parts = append(parts, fmt.Sprintf("%s %s-%s", strings.Join(w.Days, ","), w.From, w.Until))
	}
	zone := p.Zone
	if zone == "" {
		zone = "UTC"
	}
	return strings.Join(parts, " and ") + " " + zone
}

// zoneOf loads an IANA time zone. "Local" would be the server's own.
func zoneOf(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("%q is no IANA time zone", name)
	}
	return time.LoadLocation(name)
}
