package timesource

import "time"

const (
	// MaxOffset is by how much the clock may be off. A timestamp says a whole second,
	// which is off by half a second at most by rounding; with as much for the clock, it is
	// accurate to the second that it states and that RFC 3628 §5.2 asks for.
	MaxOffset = 500 * time.Millisecond
	// maxSources bounds the list. More than a handful adds nothing; a guess with room.
	maxSources = 16
	// maxURI bounds a source's URI: a host name has 255 characters.
	maxURI = 300

	// askTimeout bounds one round, and by that a server's start with silent sources. NTP
	// answers take milliseconds.
	askTimeout = 3 * time.Second
	// checkInterval is how often a right clock is checked: one that nothing disciplines
	// drifts by tenths of a second in that time at the very worst. It is polite to pools.
	checkInterval = 10 * time.Minute
	// retryInterval is for a clock of which no quorum says that it is right. Servers ask for
	// a minute and more.
	retryInterval = 70 * time.Second
)
