package ca

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// debianModulus is of a key that Debian's OpenSSL made, and debianEntry its line in the
// package openssl-blacklist; letsencrypt/boulder tests with the same pair.
const (
	debianModulus = "D673252AF6723C3F72529403EAB7C30DEF3C52F97E799825F4A70191C616ADCF1ECE1113F1625971074C492C592025FDEADBDB146A081826BDF0D77C3C913DCF1B6F0B3B78F5108D2E493AD0EEE8CA5C021711ADC13D358E61133870FCD19C8E5C22403959782AA82E72AEE53A3D491E3912CE27B27E1A85EA69C19A527D28F7934C9823B7E56FDD657DAC83FDC65BB22A98D843DF73238919781B714C81A5E2AFEC71F5C54AA2A27C590AD94C03C1062D50EFCFFAC743E3C8A3AE056846A1D756EB862BF4224169D467C35215ADE0AFCC11E85FE629AFB802C4786FF2E9C929BCCF502B3D3B8876C6A11785CC398B389F1D86BDD9CB0BD4EC13956EC3FA270D"
	debianEntry   = "8df20e6961a16398b85a"
)

func TestBlocklist(t *testing.T) {
	n, ok := new(big.Int).SetString(debianModulus, 16)
	if !ok {
		t.Fatal("modulus")
	}
	weak := &rsa.PublicKey{N: n, E: 65537}
	list := new(Blocklist)
	for _, use := range []*Blocklist{nil, list} {
		if err := use.check(weak); err != nil {
			t.Errorf("without a list: %v", err)
		}
	}
	if err := list.Read(strings.NewReader("# 2048 bits\n\n" + debianEntry + "\n")); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, list.check(weak), CodeKeyBlocked)
	if err := list.check(&rsa.PublicKey{N: new(big.Int).Add(n, big.NewInt(2)), E: 65537}); err != nil {
		t.Errorf("the next modulus: %v", err)
	}
	if err := list.check(newKey(t).Public()); err != nil {
		t.Errorf("an ECDSA key: %v", err)
	}
}

func TestBlocklistRefusesWhatIsNone(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"comments only":   "# nothing\n",
		"a digit too few": debianEntry[1:] + "\n",
		"a digit more":    debianEntry + "0\n",
		"not hex":         "g" + debianEntry[1:] + "\n",
		"two on a line":   debianEntry + " " + debianEntry + "\n",
		"an endless line": strings.Repeat("0", 1<<20),
	} {
		if err := new(Blocklist).Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// TestIssueRefusesBlockedKeys: whatever the way in, the key is looked up.
func TestIssueRefusesBlockedKeys(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	request := Request{Vendor: "acme", PublicKey: key.Public()}
	if _, err := f.ca.Issue(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x\n", sha1.Sum(fmt.Appendf(nil, "Modulus=%X\n", key.N)))
	f.ca.blocked = new(Blocklist)
	if err := f.ca.blocked.Read(strings.NewReader(sum[20:])); err != nil {
		t.Fatal(err)
	}
	_, err = f.ca.Issue(t.Context(), request)
	wantRefusal(t, err, CodeKeyBlocked)
}

func FuzzBlocklist(f *testing.F) {
	f.Add([]byte(debianEntry + "\n"))
	f.Add([]byte("# a\n" + debianEntry + "\n" + debianEntry))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var b Blocklist
		// What is read has an entry for no more than each 20 digits.
		if err := b.Read(strings.NewReader(string(text))); err == nil && (len(b.moduli) == 0 || len(b.moduli) > len(text)/20) {
			t.Errorf("%d keys in %d bytes", len(b.moduli), len(text))
		}
	})
}
