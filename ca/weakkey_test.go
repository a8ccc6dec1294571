package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

// nextPrime returns the first prime of start, start+step, start+2*step, …
func nextPrime(start, step *big.Int) *big.Int {
	p := new(big.Int).Set(start)
	for !p.ProbablyPrime(0) {
		p.Add(p, step)
	}
	return p
}

// half returns a number of so many bits with the two highest set, the same on every run,
// so that two of them multiply to a modulus of full length. Numbers of different
// seeds are far apart.
func half(bits int, seed byte) *big.Int {
	raw := make([]byte, bits/8)
	rand.NewChaCha8([32]byte{seed}).Read(raw)
	raw[0] |= 0xC0
	return new(big.Int).SetBytes(raw)
}

// primeWithResidue returns a 1536-bit prime k*m + residue.
func primeWithResidue(m, residue *big.Int, seed byte) *big.Int {
	start := half(1536, seed)
	start.Sub(start, new(big.Int).Mod(start, m))
	return nextPrime(start.Add(start, residue), m)
}

// primorial is the product of the first primes: 126 of them for a 3072-bit key of the
// faulty generator.
func primorial(count int) *big.Int {
	m := big.NewInt(1)
	for _, p := range primesUnder(smallFactorBound)[:count] {
		m.Mul(m, new(big.Int).SetUint64(p))
	}
	return m
}

// rawSigner signs with PKCS #1 v1.5 and SHA-256 without Go's own opinion of the key.
type rawSigner struct {
	pub rsa.PublicKey
	d   *big.Int
}

func (s rawSigner) Public() crypto.PublicKey { return &s.pub }

func (s rawSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	info := append([]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, digest...)
	size := (s.pub.N.BitLen() + 7) / 8
	padded := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-len(info)-3)...)
	m := new(big.Int).SetBytes(append(append(padded, 0), info...))
	return m.Exp(m, s.d, s.pub.N).FillBytes(make([]byte, size)), nil
}

// signerOf makes a key from its primes.
func signerOf(t testing.TB, p, q *big.Int) rawSigner {
	t.Helper()
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	d := new(big.Int).ModInverse(big.NewInt(65537), phi)
	if d == nil {
		t.Fatal("65537 divides p-1 or q-1")
	}
	return rawSigner{rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, d}
}

// cofactor is a prime that makes a modulus of 3072 bits or a little more with a
// factor of 10 bits.
func cofactor() *big.Int { return nextPrime(new(big.Int).SetBit(half(3064, 3), 0, 1), big.NewInt(2)) }

// Each weak request is signed with the weak key itself, so nothing else is wrong with it.
func TestCheckCSRRefusesWeakRSA(t *testing.T) {
	m, e, two := primorial(126), big.NewInt(rocaGenerator), big.NewInt(2)
	power := func(a int64) *big.Int { return new(big.Int).Exp(e, big.NewInt(a), m) }
	roca := primeWithResidue(m, power(1234567), 1)
	good := primeWithResidue(m, big.NewInt(757), 2)
	other := cofactor()
	for _, c := range []struct {
		name string
		p, q *big.Int
		want Code // "" for accepted
	}{
		{"ROCA", roca, primeWithResidue(m, power(7654321), 2), CodeKeyWeakROCA},
		{"the same construction without the subgroup", primeWithResidue(m, big.NewInt(761), 1), good, ""},
		{"the factor 751", big.NewInt(751), other, CodeKeySmallFactors},
		{"the factor 757, the first over the bound", big.NewInt(757), other, ""},
		{"the next prime", good, nextPrime(new(big.Int).Add(good, two), two), CodeKeyClosePrimes},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := signerOf(t, c.p, c.q)
			_, err := CheckCSR(newCSR(t, key, x509.CertificateRequest{}))
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantRefusal(t, err, c.want)
			wantRefusal(t, CheckKey(key.Public()), c.want)
		})
	}
	t.Run("a square", func(t *testing.T) {
		wantRefusal(t, CheckKey(&rsa.PublicKey{N: new(big.Int).Mul(good, good), E: 65537}), CodeKeyClosePrimes)
	})
}

// fermatModulus returns a product that Fermat's method finds in exactly this round,
// counted from 1.
func fermatModulus(t testing.TB, round int64) *big.Int {
	t.Helper()
	root := half(1536, 9)
	a := new(big.Int).Add(root, big.NewInt(round-1))
	// n = a²-b² has the root as its own, rounded up, when n is at most root².
	b := new(big.Int).Mul(a, a)
	b.Sub(b, new(big.Int).Mul(root, root)).Sqrt(b)
	b.Add(b, big.NewInt(1))
	if a.Bit(0) == b.Bit(0) {
		b.Add(b, big.NewInt(1)) // an even modulus is no modulus
	}
	n := new(big.Int).Mul(a, a)
	n.Sub(n, new(big.Int).Mul(b, b))
	below := new(big.Int).Sub(root, big.NewInt(1))
	if n.Cmp(below.Mul(below, below)) <= 0 {
		t.Fatal("the construction missed: the square root is another")
	}
	return n
}

func TestClosePrimesRounds(t *testing.T) {
	if !hasClosePrimes(big.NewInt(101*59), 3) || hasClosePrimes(big.NewInt(101*59), 2) {
		t.Error("59*101 is found in round 3: 78 and 79 fail, 80²-21²")
	}
	for _, c := range []struct {
		round int64
		want  bool
	}{{1, true}, {2, true}, {50, true}, {fermatRounds, true}, {fermatRounds + 1, false}, {1000, false}} {
		if got := hasClosePrimes(fermatModulus(t, c.round), fermatRounds); got != c.want {
			t.Errorf("a modulus of round %d: found %v, want %v", c.round, got, c.want)
		}
	}
}

func TestIsSquare(t *testing.T) {
	squares, scratch := map[int64]bool{}, new(big.Int)
	for i := range int64(300) {
		squares[i*i] = true
	}
	for i := range int64(300 * 300) {
		if got := isSquare(big.NewInt(i), scratch); got != squares[i] {
			t.Fatalf("%d: square %v", i, got)
		}
	}
}

// The primes that tell anything, and the order of the subgroup, as published with the
// discriminant.
func TestROCASubgroups(t *testing.T) {
	want := map[uint64]int{11: 2, 13: 6, 17: 8, 19: 9, 37: 3, 53: 26, 61: 20, 71: 35, 73: 24, 79: 13, 97: 6, 103: 51, 107: 53, 109: 54,
		127: 42, 151: 50, 157: 78}
	got := map[uint64]int{}
	primes := primesUnder(rocaBound)
	for _, p := range primes {
		order := 0
		for x := uint64(1); x < p; x++ {
			if inSubgroup(x, rocaGenerator%p, p) {
				order++
			}
		}
		if order < int(p)-1 {
			got[p] = order
		}
	}
	if !maps.Equal(got, want) || len(primes) != 39 {
		t.Errorf("of %d primes: %v, want %v", len(primes), got, want)
	}
}

func TestResidues(t *testing.T) {
	n, primes := half(3072, 4), primesUnder(smallFactorBound)
	for i, r := range residues(n, primes) {
		p := new(big.Int).SetUint64(primes[i])
		if !p.ProbablyPrime(0) || new(big.Int).Mod(n, p).Uint64() != r {
			t.Errorf("modulo %d: %d", p, r)
		}
	}
	if len(primes) != 133 || primes[132] != 751 {
		t.Errorf("%d primes under 752", len(primes))
	}
}

// Every pair of 21 ordinary primes. The primes are short because long ones take long
// to find; what is computed does not depend on the length.
func TestOrdinaryModuliPass(t *testing.T) {
	var primes []*big.Int
	checked := 0
	for i := range 21 {
		p := nextPrime(new(big.Int).SetBit(half(512, byte(100+i)), 0, 1), big.NewInt(2))
		for _, q := range primes {
			if err := checkModulus(new(big.Int).Mul(p, q)); err != nil {
				t.Error(err)
			}
			checked++
		}
		primes = append(primes, p)
	}
	if checked != 210 {
		t.Errorf("%d moduli checked", checked)
	}
}

// vectorKeys returns the public keys of a Wycheproof file, one a group.
func vectorKeys(t *testing.T, name string) []any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(corpora.Folder(t, "wycheproof"), name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		TestGroups []struct {
			PublicKeyDer string `json:"publicKeyDer"`
		} `json:"testGroups"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var keys []any
	for _, g := range file.TestGroups {
		der, err := hex.DecodeString(g.PublicKeyDer)
		if err != nil {
			t.Fatal(err)
		}
		pub, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, pub)
	}
	return keys
}

// The vectors attack signatures; their keys are sound, so what is refused is refused
// for the algorithm or the size and for nothing else.
func TestWycheproofKeys(t *testing.T) {
	for _, c := range []struct {
		file string
		keys int
		want Code // "" for accepted
	}{
		{"ecdsa_secp256r1_sha256_test.json", 113, ""},
		{"ed25519_test.json", 78, CodeKeyAlgorithm},
		{"rsa_pss_2048_sha256_mgf1_32_test.json", 1, CodeKeySize},
		{"rsa_signature_2048_sha256_test.json", 3, CodeKeySize},
	} {
		keys := vectorKeys(t, c.file)
		if len(keys) < c.keys {
			t.Errorf("%s: %d keys, had %d", c.file, len(keys), c.keys)
		}
		for i, pub := range keys {
			err := CheckKey(pub)
			switch k := pub.(type) {
			case *ecdsa.PublicKey:
				if err != nil {
					t.Errorf("%s, key %d: %v", c.file, i, err)
				}
				continue
			case *rsa.PublicKey:
				if weak := checkModulus(k.N); weak != nil {
					t.Errorf("%s, key %d: %v", c.file, i, weak)
				}
			case ed25519.PublicKey:
			default:
				t.Errorf("%s, key %d: %T", c.file, i, pub)
			}
			wantRefusal(t, err, c.want)
		}
	}
}
