package templates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"regexp"
	"strings"
	"testing"
)

var names = []Name{Root, Tier, Cross, TierTwin, TimestampingCA, TSA, CodeSigning, OCSP, OperatorCA, Client, Server}

func files(t *testing.T) map[string]string {
	t.Helper()
	entries, err := FS.ReadDir("profiles")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, e := range entries {
		raw, err := FS.ReadFile("profiles/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(e.Name(), ".json")] = string(raw)
	}
	if len(texts) == 0 {
		t.Fatal("no profiles")
	}
	return texts
}

// Every value goes through toJson and stands outside quotes: the package comment
// says what happens otherwise.
func TestValuesAreInsertedAsJSON(t *testing.T) {
	action := regexp.MustCompile(`\{\{.*?\}\}`)
	allowed := regexp.MustCompile(`^\{\{ toJson (\.[A-Za-z]+)+ \}\}$`)
	for name, text := range files(t) {
		for _, at := range action.FindAllStringIndex(text, -1) {
			if a := text[at[0]:at[1]]; !allowed.MatchString(a) {
				t.Errorf("%s: %s", name, a)
			}
			if strings.Count(text[:at[0]], `"`)%2 != 0 {
				t.Errorf("%s: a value inside quotes at byte %d", name, at[0])
			}
		}
	}
}

func TestEveryFileHasAName(t *testing.T) {
	texts := files(t)
	for _, n := range names {
		if _, ok := texts[string(n)]; !ok {
			t.Errorf("no file for %s", n)
		}
		delete(texts, string(n))
	}
	for _, n := range []string{stepName, stepTokenName, stepKnownName} {
		if _, ok := texts[n]; !ok {
			t.Errorf("no file for %s", n)
		}
		delete(texts, n)
	}
	for name := range texts {
		t.Errorf("%s.json has no Name", name)
	}
}

func sample() Values {
	return Values{
		CommonName: "Example", Organization: "Example", Country: "NL", URIs: []string{"https://acme.example"},
		DNSNames: []string{"ca.example.com"}, IPAddresses: []string{"127.0.0.1"}, Policies: []string{"1.3.6.1.4.1.32473.1"},
		CRL: "http://ca.example.com/crl/x.crl", CAIssuers: "http://ca.example.com/ca/x.cer", OCSP: "http://ca.example.com/ocsp",
		Extensions: []Extension{{ID: "1.3.6.1.4.1.32473.2", Value: []byte{0x30, 0}}},
	}
}

func render(t *testing.T, n Name, v Values) *x509.Certificate {
	t.Helper()
	p, err := Load(n)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Render(key.Public(), v)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProfiles(t *testing.T) {
	const sign, use = x509.KeyUsageCertSign | x509.KeyUsageCRLSign, x509.KeyUsageDigitalSignature
	for name, want := range map[Name]struct {
		ca    bool
		usage x509.KeyUsage
		ext   []x509.ExtKeyUsage
		mark  bool
	}{
		Root:           {true, sign, nil, false},
		Tier:           {true, sign, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, false},
		Cross:          {true, sign, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, false},
		TierTwin:       {true, sign, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, false},
		TimestampingCA: {true, sign, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}, false},
		TSA:            {false, use, nil, false}, // critical, so among the raw extensions
		CodeSigning:    {false, use, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, true},
		OCSP:           {false, use, []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, false},
		OperatorCA:     {true, sign, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, false},
		Client:         {false, use, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, false},
		Server:         {false, use, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, false},
	} {
		c := render(t, name, sample())
		if c.IsCA != want.ca || !c.BasicConstraintsValid || c.KeyUsage != want.usage || len(c.ExtKeyUsage) != len(want.ext) {
			t.Errorf("%s: CA %v, usage %v, %v", name, c.IsCA, c.KeyUsage, c.ExtKeyUsage)
			continue
		}
		for i, e := range want.ext {
			if c.ExtKeyUsage[i] != e {
				t.Errorf("%s: extended key usage %v", name, c.ExtKeyUsage)
			}
		}
		if has := len(c.ExtraExtensions) == 1 && c.ExtraExtensions[0].Id.String() == "1.3.6.1.4.1.32473.2"; has != want.mark {
			t.Errorf("%s: extensions %v", name, c.ExtraExtensions)
		}
	}
}

// A value cannot write other parts of the certificate.
func TestInjection(t *testing.T) {
	for _, evil := range []string{
		`v"},"basicConstraints":{"isCA":true},"x":{"y":"`, "a\nb", `\"`, "{{ .X }}", "</script>", "\x00", "é ✓",
	} {
		v := sample()
		v.CommonName, v.Organization = evil, evil
		c := render(t, CodeSigning, v)
		if c.IsCA || c.Subject.CommonName != evil || c.Subject.Organization[0] != evil {
			t.Errorf("%q: CA %v, subject %+q", evil, c.IsCA, c.Subject.CommonName)
		}
	}
}

func TestStepTemplate(t *testing.T) {
	text, err := StepTemplate("abc")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, `"serialNumber": "abc"`) || strings.Contains(text, ".Marker") {
		t.Error(text)
	}
	text, err = StepKnownTemplate("abc", `a"b`)
	if err != nil || !strings.Contains(text, `"commonName": "a\"b"`) {
		t.Error(text, err)
	}
	if text, err = StepTokenTemplate("abc"); err != nil || !strings.Contains(text, "{{ toJson .Token.sub }}") {
		t.Error(text, err)
	}
	if _, err := StepKnownTemplate("abc", "{{ .Token }}"); err == nil {
		t.Error("a value is read as a template")
	}
	if _, err := Load("nothing"); err == nil {
		t.Error("loaded a profile that is not there")
	}
}

func TestTiers(t *testing.T) {
	tiers, err := Tiers()
	if err != nil {
		t.Fatal(err)
	}
	if len(tiers) != 3 || tiers[0].Name != "standard" || tiers[2].Name != "high" {
		t.Fatalf("%+v", tiers)
	}
	for i, asks := range []bool{false, false, true} {
		if tiers[i].NeedsOfficer() != asks || tiers[i].NeedsHardwareKey() != asks {
			t.Errorf("%s: approval %q, hardware key %q", tiers[i].Name, tiers[i].Approval, tiers[i].HardwareKey)
		}
	}
	for _, c := range []struct {
		tier             int
		framework, track string
		top, want        int
	}{
		{0, "slsa-v0.1", "slsa", 4, 2}, {1, "slsa-v0.1", "slsa", 4, 3}, {2, "slsa-v0.1", "slsa", 4, 4},
		{2, "slsa-v1.2", "build", 3, 3}, {0, "own", "own", 5, 5}, {0, "slsa-v0.1", "slsa", 1, 1},
	} {
		if got := tiers[c.tier].Ceiling(c.framework, c.track, c.top); got != c.want {
			t.Errorf("%s %s %s: %d, want %d", tiers[c.tier].Name, c.framework, c.track, got, c.want)
		}
	}
}

func TestParseTiersRefuses(t *testing.T) {
	const one = "version: 1\ntiers:\n- {name: a, title: A, unlisted: none, ceilings: {f: {t: 2}}}\n"
	if _, err := ParseTiers([]byte(one)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":            "",
		"not YAML":         "\t:",
		"no tiers":         "version: 1\n",
		"future version":   strings.Replace(one, "version: 1", "version: 2", 1),
		"unknown key":      one + "x: 1\n",
		"unknown tier key": "version: 1\ntiers:\n- {name: a, title: A, unlisted: none, cealings: {}}\n",
		"two documents":    one + "---\nversion: 1\n",
		"name twice":       one + "- {name: a, title: A, unlisted: none}\n",
		"sinking":          one + "- {name: b, title: B, unlisted: none, ceilings: {f: {t: 1}}}\n",
		"missing above":    one + "- {name: b, title: B, unlisted: none}\n",
		"unlisted sinks":   "version: 1\ntiers:\n- {name: a, title: A, unlisted: all}\n- {name: b, title: B, unlisted: none}\n",
		"listed under all": "version: 1\ntiers:\n- {name: a, title: A, unlisted: all}\n- {name: b, title: B, unlisted: all, ceilings: {f: {t: 1}}}\n",
		"level 0":          strings.Replace(one, "t: 2", "t: 0", 1),
		"level as text":    strings.Replace(one, "t: 2", "t: high", 1),
		"bad name":         strings.Replace(one, "name: a", "name: ../a", 1),
		"reserved name":    strings.Replace(one, "name: a", "name: root", 1),
		"twin's name":      strings.Replace(one, "name: a", "name: a-twin", 1),
		"no title":         strings.Replace(one, "title: A", "title: ''", 1),
		"bad approval":     strings.Replace(one, "unlisted: none", "unlisted: none, approval: friend", 1),
		"bad hardware":     strings.Replace(one, "unlisted: none", "unlisted: none, hardware_key: maybe", 1),
		"approval sinks":   strings.Replace(one, "unlisted: none", "unlisted: none, approval: officer", 1) + "- {name: b, title: B, unlisted: all}\n",
		"hardware sinks":   strings.Replace(one, "unlisted: none", "unlisted: none, hardware_key: required", 1) + "- {name: b, title: B, unlisted: all}\n",
		"bad unlisted":     strings.Replace(one, "unlisted: none", "unlisted: some", 1),
		"too large":        one + "#" + strings.Repeat("x", maxTiersBytes),
	} {
		if _, err := ParseTiers([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzParseTiers: what is accepted rises from tier to tier, for every track named
// anywhere.
func FuzzParseTiers(f *testing.F) {
	raw, err := FS.ReadFile("tiers.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("version: 1\ntiers:\n- {name: a, title: A, unlisted: none, ceilings: {f: {t: 2}}}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tiers, err := ParseTiers(raw)
		if err != nil {
			return
		}
		if len(tiers) == 0 || len(tiers) > maxTiers {
			t.Fatalf("%d tiers", len(tiers))
		}
		for i := 1; i < len(tiers); i++ {
			for _, named := range tiers {
				for framework, tracks := range named.Ceilings {
					for track := range tracks {
						if tiers[i].Ceiling(framework, track, maxLevel) < tiers[i-1].Ceiling(framework, track, maxLevel) {
							t.Fatalf("%s sinks at %s %s", tiers[i].Name, framework, track)
						}
					}
				}
			}
		}
	})
}
