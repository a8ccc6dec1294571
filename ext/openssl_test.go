package ext

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// openssl runs the unchanged tool; it must be installed.
func openssl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("openssl is needed: %v", err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

var asn1parseLine = regexp.MustCompile(`^ *(\d+):d=(\d+) +hl=(\d+) l= *(\d+) (prim|cons): (\S+(?: [A-Z]+)?|cont \[ \d+ \]) *(?:(\[HEX DUMP\])?:(.*))?$`)

// parsedLines is the values of a file as openssl asn1parse shows them: depth, content
// length, type, value.
func parsedLines(t *testing.T, file string) []string {
	t.Helper()
	out, err := openssl(t, "asn1parse", "-inform", "DER", "-in", file)
	if err != nil {
		t.Fatalf("asn1parse %s: %v\n%s", file, err, out)
	}
	var lines []string
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n ")
		parts := asn1parseLine.FindStringSubmatch(line)
		if parts == nil { // the next line of a text
			lines[len(lines)-1] = strings.TrimSpace(lines[len(lines)-1] + "\n" + line)
			continue
		}
		depth, length, kind, value := parts[2], parts[4], strings.TrimSpace(parts[6]), parts[8]
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", depth, length, kind, value)))
	}
	return lines
}

// expectation lists what openssl should show, from the Go value and not from its bytes.
// A line is depth, content length, type, value; a constructed value's length is filled in
// from the lines inside it.
type expectation struct{ lines []string }

func (e *expectation) prim(depth, length int, kind, value string) int {
	e.lines = append(e.lines, strings.TrimSpace(fmt.Sprintf("%d %d %s %s", depth, length, kind, value)))
	return len(header(0, length)) + length
}

// cons adds a constructed value; inside returns the size of what it added.
func (e *expectation) cons(depth int, kind string, inside func() int) int {
	at := len(e.lines)
	e.lines = append(e.lines, "")
	length := inside()
	e.lines[at] = fmt.Sprintf("%d %d %s", depth, length, kind)
	return len(header(0, length)) + length
}

func (e *expectation) ia5(depth int, s string) int { return e.prim(depth, len(s), "IA5STRING", s) }

func (e *expectation) integer(depth int, n uint64) int {
	value := fmt.Sprintf("%02X", n)
	if len(value)%2 == 1 {
		value = "0" + value
	}
	octets := len(value) / 2
	if value[0] >= '8' {
		octets++
	}
	return e.prim(depth, octets, "INTEGER", value)
}

func (e *expectation) claim(c Claim) int {
	return e.cons(2, "SEQUENCE", func() int {
		n := e.ia5(3, c.Framework) + e.ia5(3, c.Track) + e.integer(3, uint64(c.Level))
		if c.LevelID != "" {
			n += e.prim(3, len(c.LevelID), "cont [ 0 ]", "")
		}
		if len(c.Properties) > 0 {
			n += e.cons(3, "cont [ 1 ]", func() (n int) {
				for _, p := range c.Properties {
					n += e.ia5(4, p)
				}
				return n
			})
		}
		return n + e.ref(c.Assessment)
	})
}

func (e *expectation) ref(r AssessmentRef) int {
	return e.cons(3, "SEQUENCE", func() int {
		n := e.prim(4, 32, "OCTET STRING", fmt.Sprintf("%X", r.Payload)) + e.prim(4, 32, "OCTET STRING", fmt.Sprintf("%X", r.Auditor))
		n += e.prim(4, 15, "GENERALIZEDTIME", r.AssessedAt.Format(instantLayout)) + e.prim(4, 15, "GENERALIZEDTIME", r.ValidUntil.Format(instantLayout))
		return n + e.ia5(4, r.LogOrigin) + e.integer(4, r.LogIndex)
	})
}

func (e *expectation) assurance(a Assurance) {
	e.cons(0, "SEQUENCE", func() int {
		return e.integer(1, 1) + e.cons(1, "SEQUENCE", func() (n int) {
			for _, c := range a.Claims {
				n += e.claim(c)
			}
			return n
		})
	})
}

func (e *expectation) repository(r AttestationRepository) {
	e.cons(0, "SEQUENCE", func() int {
		return e.integer(1, 1) + e.cons(1, "SEQUENCE", func() (n int) {
			for _, u := range r.URLs {
				n += e.ia5(2, u)
			}
			return n
		})
	})
}

// openssl asn1parse, which knows nothing of this package, sees the values we put in.
func TestOpenSSLSeesWhatWeWrote(t *testing.T) {
	marks := map[string]Mark{"leaf": plainMark(3), "leaf-over": plainMark(4), "leaf-rich": richMark(), "leaf-arc": plainMark(2)}
	files := must[[]string](t)(filepath.Glob("testdata/*.assurance.der"))
	if len(files) != len(marks) {
		t.Fatalf("%d golden marks, %d known", len(files), len(marks))
	}
	for name, m := range marks {
		var assurance, repository expectation
		assurance.assurance(m.Assurance)
		repository.repository(m.Repository)
		for kind, want := range map[string]expectation{"assurance": assurance, "attestationRepository": repository} {
			got := parsedLines(t, "testdata/"+name+"."+kind+".der")
			if g, w := strings.Join(got, "\n"), strings.Join(want.lines, "\n"); g != w {
				t.Errorf("%s.%s: openssl sees\n%s\nwant\n%s", name, kind, g, w)
			}
		}
	}
}

func TestOpenSSLSeesTheStaple(t *testing.T) {
	staple := sampleStaple()
	var want expectation
	want.cons(0, "SEQUENCE", func() int {
		n := want.integer(1, 1) + want.prim(1, len(staple.VSA), "cont [ 0 ]", "")
		n += want.cons(1, "cont [ 1 ]", func() (n int) {
			for _, r := range staple.Receipts {
				n += want.prim(2, len(r), "OCTET STRING", string(r))
			}
			return n
		})
		return n + want.cons(1, "cont [ 2 ]", func() int { return want.prim(2, 2, "OCTET STRING", "3000") })
	})
	got := parsedLines(t, "testdata/full.staple.der")
	if g, w := strings.Join(got, "\n"), strings.Join(want.lines, "\n"); g != w {
		t.Errorf("openssl sees\n%s\nwant\n%s", g, w)
	}
}

// openssl x509 -text shows both extensions and every policy.
func TestOpenSSLShowsTheMark(t *testing.T) {
	for name, arc := range map[string]Arc{"leaf": DefaultArc(), "leaf-rich": DefaultArc(), "leaf-arc": must[Arc](t)(ParseArc(operatorArc))} {
		out, err := openssl(t, "x509", "-in", "testdata/"+name+".pem", "-noout", "-text")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		want := []string{arc.Assurance().String() + ": \n", arc.AttestationRepository().String() + ": \n"}
		for _, p := range readCert(t, name).Policies {
			want = append(want, "Policy: "+p.String()+"\n")
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: openssl does not show %q in\n%s", name, w, out)
			}
		}
	}
}

// verifyPolicy runs openssl verify, asking for one policy.
func verifyPolicy(t *testing.T, leaf, tier string, policy x509.OID) (string, error) {
	t.Helper()
	return openssl(t, "verify", "-attime", fmt.Sprint(goldenNow.Unix()), "-x509_strict",
		"-CAfile", "testdata/root.pem", "-untrusted", "testdata/"+tier+".pem",
		"-policy_check", "-explicit_policy", "-policy", policy.String(), "testdata/"+leaf+".pem")
}

// A minimum level is enforced by openssl alone: up to the claimed one it accepts, above
// it refuses; and a tier's ceiling holds against a leaf that says more.
func TestOpenSSLEnforcesLevels(t *testing.T) {
	other := must[Arc](t)(ParseArc(operatorArc))
	for _, c := range []struct {
		leaf, tier string
		arc        Arc
		reaches    int
	}{
		{"leaf", "tier", DefaultArc(), 3},
		{"leaf-rich", "tier", DefaultArc(), 3},
		{"leaf-over", "tier", DefaultArc(), 3}, // claims 4 under a ceiling of 3
		{"leaf-arc", "tier-arc", other, 2},
	} {
		for level := 1; level <= 5; level++ {
			out, err := verifyPolicy(t, c.leaf, c.tier, must[x509.OID](t)(c.arc.Policy(slsaURI, "slsa", level)))
			if level <= c.reaches && err != nil {
				t.Errorf("%s: level %d refused: %v\n%s", c.leaf, level, err, out)
			}
			if level > c.reaches && (err == nil || !strings.Contains(out, "no explicit policy")) {
				t.Errorf("%s: level %d: %v\n%s", c.leaf, level, err, out)
			}
		}
	}
}

// Policies of another track, framework or arc do not count, nor do those of a framework
// for which the tier has no ceiling.
func TestOpenSSLRefusesOtherPolicies(t *testing.T) {
	other := must[Arc](t)(ParseArc(operatorArc))
	for name, policy := range map[string]x509.OID{
		"track":     must[x509.OID](t)(DefaultArc().Policy(slsaURI, "build", 1)),
		"framework": must[x509.OID](t)(DefaultArc().Policy("https://slsa.dev/spec/v1.2/", "slsa", 1)),
		"arc":       must[x509.OID](t)(other.Policy(slsaURI, "slsa", 1)),
		"no tier":   must[x509.OID](t)(DefaultArc().Policy(cncfURI, "assurance", 1)),
	} {
		if out, err := verifyPolicy(t, "leaf-rich", "tier", policy); err == nil {
			t.Errorf("%s: accepted\n%s", name, out)
		}
	}
}

// The module's examples are the encodings openssl agrees on too.
func TestOpenSSLReadsModuleExamples(t *testing.T) {
	found := examples(t, readModule(t).text)
	if len(found) == 0 {
		t.Fatal("no examples")
	}
	for name, der := range found {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, der, 0o600); err != nil {
			t.Fatal(err)
		}
		var value asn1.RawValue
		if _, err := asn1.Unmarshal(der, &value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if lines := parsedLines(t, file); len(lines) == 0 {
			t.Errorf("%s: openssl sees nothing", name)
		}
	}
}
