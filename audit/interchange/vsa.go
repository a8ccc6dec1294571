package interchange

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// slsaV1 begins the URI of every framework that shares the values of a verification
// summary v1. A catalogue of somebody else may use the same words for other things.
const slsaV1 = "https://slsa.dev/spec/v1."

// slsaToken is a level as the summary's document (SLSA v1.2, "SlsaResult") spells it.
// Level 0 is none that anybody exports.
var slsaToken = regexp.MustCompile(`^SLSA_(BUILD|SOURCE)_LEVEL_[1-9]$`)

// VSAOptions say who vouches for a summary. VerifierID, Accepted and Now are required.
type VSAOptions struct {
	VerifierID string           // the CA, an absolute URI
	PolicyURI  string           // where the catalogue's file can be had; "": the framework's URI
	Accepted   Accepted         // what the CA did with the assessment
	Now        func() time.Time // the clock that the end of validity is held against
}

// VSA makes the verification summary of an accepted assessment, not signed yet; the
// package comment lists its fields. The assessment must come out of a verified
// envelope. Errors are *Refusal, with every reason but WrongEdition, or *attest.Error.
func VSA(a audit.Assessment, o VSAOptions) (attest.Statement, error) {
	if err := o.check(a); err != nil {
		return attest.Statement{}, err
	}
	about, err := a.Statement()
	if err != nil {
		return attest.Statement{}, fmt.Errorf("summary of assessment %s: %w", o.Accepted.Assessment, err)
	}
	// Location and digest only: in-toto's Go types know no other field here, and refuse
	// the summary for one.
	input := attest.ResourceDescriptor{URI: o.Accepted.URL, Digest: map[string]string{"sha256": o.Accepted.Assessment}}
	policy := attest.ResourceDescriptor{URI: o.PolicyURI, Digest: a.Framework.Digest}
	if policy.URI == "" {
		policy.URI = a.Framework.URI
	}
	s, err := attest.NewVSA(attest.VSA{
		Subjects:          about.Subject,
		VerifierID:        o.VerifierID,
		TimeVerified:      o.Accepted.At.UTC(),
		ResourceURI:       a.Vendor.URI,
		Policy:            policy,
		InputAttestations: []attest.ResourceDescriptor{input},
		Result:            attest.Passed,
		VerifiedLevels:    []string{a.LevelID},
		SLSAVersion:       a.Framework.Version,
	})
	if err != nil {
		return attest.Statement{}, fmt.Errorf("summary of assessment %s: %w", o.Accepted.Assessment, err)
	}
	return s, nil
}

func (o VSAOptions) check(a audit.Assessment) error {
	switch {
	case !strings.HasPrefix(a.Framework.URI, slsaV1):
		return refuse(NoToken, "%s is not SLSA v1, whose levels alone a verification summary can name", a.Framework.URI)
	case a.Level < 1:
		return refuse(NotCertified, "level %d is none", a.Level)
	case !slsaToken.MatchString(a.LevelID) || !strings.HasSuffix(a.LevelID, fmt.Sprintf("_%d", a.Level)):
		return refuse(NoToken, "%.80q, level %d, is no level of a verification summary", a.LevelID, a.Level)
	case !strings.Contains(o.VerifierID, ":"):
		return refuse(BadOption, "the verifier's id %.80q is no URI", o.VerifierID)
	case o.PolicyURI != "" && !isHTTPS(o.PolicyURI):
		return refuse(BadOption, "the policy's URI %.80q is no https URL", o.PolicyURI)
	case o.Now == nil:
		return refuse(BadOption, "there is no clock")
	case !a.ValidUntil.After(o.Now()):
		return refuse(Ended, "it was valid until %s", a.ValidUntil.UTC().Format(time.RFC3339))
	}
	return o.Accepted.check()
}
