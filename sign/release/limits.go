package release

import "time"

// Bounds on policies. They are read at every signature of the product, so they are small;
// the numbers are guesses above what an organisation needs for one product.
const (
	maxProduct   = 256 // bytes of a product's name, as package sign takes it
	maxRoles     = 200
	maxApprovals = 10
	maxWindows   = 32
	maxFreezes   = 100
	maxRules     = 16
	maxRuleName  = 64
	maxCEL       = 4 << 10 // bytes of one rule
	maxReason    = 500     // bytes of a note or reason, which a person types
	maxUses      = 100
	maxLimit     = 1_000_000

	// An approval lasts defaultLasts unless the policy says otherwise: from the end of one
	// working day to the end of the next. More than maxLasts is forgotten, not approved.
	defaultLasts = 24 * time.Hour
	minLasts     = time.Minute
	maxLasts     = 30 * 24 * time.Hour

	// maxOpen bounds the requests of one vendor that wait or are approved and not used.
	maxOpen = 1000
	// maxVotes bounds the votes on one thing.
	maxVotes = maxRoles

	// officersQuorum is how many officers together can do what a vendor's people cannot
	// any more.
	officersQuorum = 2

	// maxFactors bounds the second factors of one person that are not revoked.
	maxFactors = 10
	maxLabel   = 100
)
