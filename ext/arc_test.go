package ext

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultArcIsTheUUID(t *testing.T) {
	const uuid = "efe9aa28-7c11-4c39-827a-dbfc14f2e0bc"
	h := strings.ReplaceAll(uuid, "-", "")
	want := "1.2.840.113556.1.8000.2554"
	for _, cut := range [][2]int{{0, 4}, {4, 8}, {8, 12}, {12, 16}, {16, 20}, {20, 26}, {26, 32}} {
		n, _ := new(big.Int).SetString(h[cut[0]:cut[1]], 16)
		want += "." + n.String()
	}
	if got := DefaultArc().String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestArcOIDs(t *testing.T) {
	a := must[Arc](t)(ParseArc("1.3.6.1.4.1.32473"))
	got := []string{a.Assurance().String(), a.AttestationRepository().String(), a.Staple().String(), a.TimestampPolicy().String()}
	want := []string{"1.3.6.1.4.1.32473.1", "1.3.6.1.4.1.32473.2", "1.3.6.1.4.1.32473.4", "1.3.6.1.4.1.32473.5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a.IsZero() || !a.Equal(a) || a.Equal(DefaultArc()) || a.Equal(Arc{}) {
		t.Error("arcs compare wrongly")
	}
	var zero Arc
	if !zero.IsZero() || zero.String() != "" || zero.Assurance() != nil || zero.Staple() != nil {
		t.Error("the zero arc has OIDs")
	}
}

// Whatever ParseArc takes survives the parsers of an extension's OID, and comes back as
// the same text.
func TestParseArcAccepts(t *testing.T) {
	for _, s := range []string{
		"1.3.6.1.4.1.32473", "0.4.0.127", "0.39.1.0", "1.39.1.1", "2.40.1.1", "2.2147483567.2147483647.0",
		defaultArc, "1.3.6.1.4.1." + strings.Repeat("1.", 38) + "12",
	} {
		a, err := ParseArc(s)
		if err != nil {
			t.Error(err)
			continue
		}
		der := must[[]byte](t)(asn1.Marshal(a.Assurance()))
		var oid asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(der, &oid); err != nil || oid.String() != s+".1" {
			t.Errorf("%s: %v %v", s, oid, err)
		}
		if a.String() != s {
			t.Errorf("%s printed as %s", s, a)
		}
	}
}

func TestParseArcRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"empty":               "",
		"one number":          "1",
		"three numbers":       "1.3.6",
		"root 3":              "3.1.1.1",
		"second 40 under 1":   "1.40.1.1",
		"second 40 under 0":   "0.40.1.1",
		"second too large":    "2.2147483568.1.1",
		"leading zero":        "1.3.6.01",
		"double zero":         "1.3.6.00",
		"root leading zero":   "01.3.6.1",
		"2^31":                "1.3.6.2147483648",
		"2.25 UUID":           "2.25.318929337023245174912356183275389599932.1",
		"empty component":     "1.3..6.1",
		"trailing dot":        "1.3.6.1.",
		"leading dot":         ".1.3.6.1",
		"sign":                "1.3.6.+1",
		"negative":            "1.3.6.-1",
		"hex":                 "1.3.6.0x1",
		"underscore":          "1.3.6.1_0",
		"space":               " 1.3.6.1",
		"newline":             "1.3.6.1\n",
		"letters":             "iso.org.dod.internet",
		"urn":                 "urn:oid:1.3.6.1",
		"digits of elsewhere": "1.3.6.\u0661",
		"long":                "1.3.6.1.4.1." + strings.Repeat("1.", 39) + "1",
		"very long":           strings.Repeat("1", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ParseArc(s)
			wantRefusal(t, err, ReasonArc, "arc")
			if !a.IsZero() {
				t.Error("an arc beside the error")
			}
		})
	}
}

// An independent derivation of the policy, bit by bit.
func TestPolicyIsDerivable(t *testing.T) {
	sum := sha256.Sum256([]byte("hallmark policy\x00https://slsa.dev/spec/v0.1/\x00slsa"))
	var bits strings.Builder
	for _, b := range sum {
		fmt.Fprintf(&bits, "%08b", b)
	}
	want := defaultArc + ".3"
	for i := range 3 {
		n, _ := new(big.Int).SetString(bits.String()[28*i:28*i+28], 2)
		want += "." + n.String()
	}
	got := must[x509.OID](t)(DefaultArc().Policy(slsaURI, "slsa", 3)).String()
	if got != want+".3" {
		t.Errorf("%s, want %s.3 (hash %s)", got, want, hex.EncodeToString(sum[:]))
	}
}

func TestPolicyRefuses(t *testing.T) {
	for _, c := range []struct {
		framework, track string
		level            int
		reason           Reason
		field            string
	}{
		{"", "slsa", 1, ReasonEmpty, "framework"},
		{"slsa", "slsa", 1, ReasonNotURI, "framework"},
		{slsaURI + "\x00slsa", "x", 1, ReasonCharacter, "framework"},
		{slsaURI, "", 1, ReasonEmpty, "track"},
		{slsaURI, "a\x00b", 1, ReasonCharacter, "track"},
		{slsaURI, "slsa", 0, ReasonLevelZero, "level"},
		{slsaURI, "slsa", -1, ReasonNegative, "level"},
		{slsaURI, "slsa", MaxLevel + 1, ReasonTooLarge, "level"},
	} {
		_, err := DefaultArc().Policy(c.framework, c.track, c.level)
		wantRefusal(t, err, c.reason, c.field)
		_, err = DefaultArc().Policies([]Claim{sampleClaim(1), {Framework: c.framework, Track: c.track, Level: c.level}})
		wantRefusal(t, err, c.reason, "claims[1]."+c.field)
	}
	_, err := Arc{}.Policy(slsaURI, "slsa", 1)
	wantRefusal(t, err, ReasonArc, "arc")
	_, err = Arc{}.Policies([]Claim{sampleClaim(1)})
	wantRefusal(t, err, ReasonArc, "claims[0].arc")
}

func TestPolicies(t *testing.T) {
	claims := richMark().Assurance.Claims
	got := must[[]x509.OID](t)(DefaultArc().Policies(claims))
	if len(got) != 5 {
		t.Fatalf("%d policies, want levels 1..3 and 1..2", len(got))
	}
	for _, c := range claims {
		for level := 1; level <= c.Level; level++ {
			want, found := must[x509.OID](t)(DefaultArc().Policy(c.Framework, c.Track, level)), 0
			for _, p := range got {
				if p.Equal(want) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s stands %d times", want, found)
			}
		}
	}
	turned := must[[]x509.OID](t)(DefaultArc().Policies([]Claim{claims[1], claims[0], claims[1]}))
	for i := range turned {
		if len(turned) != len(got) || !turned[i].Equal(got[i]) {
			t.Fatalf("order or repetition of the claims matters:\n%v\n%v", got, turned)
		}
	}
	if none := must[[]x509.OID](t)(DefaultArc().Policies(nil)); len(none) != 0 {
		t.Errorf("policies of no claims: %v", none)
	}
}

// The longest policy stays within what GnuTLS keeps of an OID's text.
func TestLongestPolicy(t *testing.T) {
	longest := len(fmt.Sprintf(".%d.%d.%d.%d.%d", arcPolicy, 1<<28-1, 1<<28-1, 1<<28-1, MaxLevel))
	if MaxArcLength+longest > 127 {
		t.Errorf("%d characters", MaxArcLength+longest)
	}
}
