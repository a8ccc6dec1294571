package probe

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/outbound"
)

// clockSkew is how far a verifier's clock may run ahead of ours.
const clockSkew = 5 * time.Minute

// slsaLevel is a SLSA level in a summary, e.g. SLSA_BUILD_LEVEL_3.
var slsaLevel = regexp.MustCompile(`^(SLSA_[A-Z]+_LEVEL_)([0-9])$`)

// vsa watches that somebody else's verdict still stands.
func vsa() Kind {
	return Kind{
		Name:    "vsa",
		Summary: "a SLSA verification summary (VSA) still verifies and says PASSED with a level",
		Parameters: []Parameter{
			urlParameter("where the summary is: one DSSE envelope"),
			keyParameter("the key of whoever verified"),
			lineParameter("resource_uri", "what the summary is about: its resourceUri", true),
			lineParameter("level", "the level that it must give, such as SLSA_BUILD_LEVEL_2; a higher level of the same SLSA track will do", true),
			lineParameter("verifier", "the id that the summary's verifier must have; none: any that the key signs for", false),
		},
		run: runVSA,
	}
}

func runVSA(ctx context.Context, r *Runner, with map[string]string, _ string) Result {
	key, err := attest.ParsePublicKey(with["key"])
	if err != nil {
		return unknown("%v", err)
	}
	raw, err := outbound.Get(ctx, r.policy(maxEnvelope, timeout), with["url"])
	if err != nil {
		return notFetched(err)
	}
	opened, err := attest.Open(bytes.TrimSpace(raw), key)
	if err != nil {
		return failed("%v", err)
	}
	summary, err := attest.ParseVSA(opened.Statement)
	if err != nil {
		return failed("%v", err)
	}
	return judgeVSA(summary, with, r.now())
}

func judgeVSA(v attest.VSA, with map[string]string, now time.Time) Result {
	verifier := with["verifier"]
	switch {
	case v.ResourceURI != with["resource_uri"]:
		return failed("the summary is about %.200q", v.ResourceURI)
	case verifier != "" && v.VerifierID != verifier:
		return failed("the summary is by %.200q", v.VerifierID)
	case v.Result != attest.Passed:
		return failed("the summary says %s", v.Result)
	case !reaches(v.VerifiedLevels, with["level"]):
		return failed("the summary gives %.300q, not %s", strings.Join(v.VerifiedLevels, " "), with["level"])
	case v.TimeVerified.After(now.Add(clockSkew)):
		return failed("the summary was made at %s, which is to come", v.TimeVerified.Format(time.RFC3339))
	}
	return passed("%.200q says PASSED with %.200q, verified at %s", v.VerifierID, strings.Join(v.VerifiedLevels, " "), v.TimeVerified.Format(time.RFC3339))
}

// reaches is true when the levels hold want, or a higher one of want's SLSA track: a
// summary names the highest of each track only.
func reaches(levels []string, want string) bool {
	if slices.Contains(levels, want) {
		return true
	}
	w := slsaLevel.FindStringSubmatch(want)
	return w != nil && slices.ContainsFunc(levels, func(have string) bool {
		h := slsaLevel.FindStringSubmatch(have)
		return h != nil && h[1] == w[1] && digit(h[2]) > digit(w[2])
	})
}

func digit(s string) int {
	n, _ := strconv.Atoi(s) // one digit, says the pattern
	return n
}
