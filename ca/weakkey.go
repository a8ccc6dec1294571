package ca

import "math/big"

// What is looked for in an RSA modulus.
const (
	// smallFactorBound: no prime under it may divide a modulus. CABF Code Signing BR section 6.1.6 names 752, from
	// NIST SP 800-89.
	smallFactorBound = 752
	// rocaGenerator and rocaBound are the published mark of CVE-2017-15361: each prime was made as
	// k*M + (65537^a mod M), and every M in use is a multiple of all primes to 167.
	rocaGenerator = 65537
	rocaBound     = 168
	// fermatRounds is what the CABF Baseline Requirements for TLS ask for in section 6.1.1.3. The code-signing ones only
	// say that a key whose private half is known to be easily computed must be refused.
	fermatRounds = 100
)

// checkModulus refuses an odd RSA modulus that is known to be easily factored. It
// computes with the modulus alone and asks no list of known keys. The error is a
// *Refusal.
func checkModulus(n *big.Int) error {
	primes := primesUnder(smallFactorBound)
	rest := residues(n, primes)
	for i, r := range rest {
		if r == 0 {
			return refuse(CodeKeySmallFactors, "make the key anew, with another program or token", "RSA modulus is divisible by %d", primes[i])
		}
	}
	if hasROCAMark(primes, rest) {
		return refuse(CodeKeyWeakROCA, "the token that made the key needs new firmware, and the key must be made anew",
			"RSA modulus has the mark of the faulty generator of CVE-2017-15361")
	}
	if hasClosePrimes(n, fermatRounds) {
		return refuse(CodeKeyClosePrimes, "make the key anew, with another program or token",
			"RSA modulus is factored by %d rounds of Fermat's method: its primes are too close", fermatRounds)
	}
	return nil
}

// hasROCAMark says whether a modulus, given by what it leaves when divided by each
// prime, is a power of 65537 modulo every prime under rocaBound. Keys with the fault
// always are; one in 2^27 others is too.
func hasROCAMark(primes, rest []uint64) bool {
	for i, p := range primes {
		if p >= rocaBound {
			break
		}
		if !inSubgroup(rest[i], rocaGenerator%p, p) {
			return false
		}
	}
	return true
}

// inSubgroup says whether x is a power of g modulo the prime p; g is not 0 modulo p.
func inSubgroup(x, g, p uint64) bool {
	for y := uint64(1); ; {
		if y == x {
			return true
		}
		if y = y * g % p; y == 1 {
			return false
		}
	}
}

// hasClosePrimes looks for n = (a-b)(a+b) with a from the square root of n, rounded
// up, to rounds-1 above it. The first round finds a modulus that is a square.
func hasClosePrimes(n *big.Int, rounds int) bool {
	a := new(big.Int).Sqrt(n)
	square := new(big.Int).Mul(a, a)
	if square.Cmp(n) < 0 {
		a.Add(a, big.NewInt(1))
		square.Mul(a, a)
	}
	b2 := square.Sub(square, n)
	step := new(big.Int).Lsh(a, 1)
	step.Add(step, big.NewInt(1)) // (a+1)^2 - a^2, which grows by 2 a round
	two, root := big.NewInt(2), new(big.Int)
	for range rounds {
		if isSquare(b2, root) {
			return true
		}
		b2.Add(b2, step)
		step.Add(step, two)
	}
	return false
}

// squaresMod64 has bit i set where i is a square modulo 64: 12 of 64 are, so most
// numbers are told without taking their root.
const squaresMod64 = 0x0202021202030213

// isSquare says whether x, not negative, is a square. It overwrites scratch.
func isSquare(x, scratch *big.Int) bool {
	var low uint
	for i := range 6 {
		low |= x.Bit(i) << i
	}
	if squaresMod64>>low&1 == 0 {
		return false
	}
	scratch.Sqrt(x)
	return scratch.Mul(scratch, scratch).Cmp(x) == 0
}

// residues returns n modulo each of the primes. Big division is what costs, so it
// divides by products that fit a machine word.
func residues(n *big.Int, primes []uint64) []uint64 {
	list := make([]uint64, 0, len(primes))
	divisor, rest := new(big.Int), new(big.Int)
	for len(list) < len(primes) {
		product, end := uint64(1), len(list)
		for end < len(primes) && product < 1<<32 { // the next prime has under 32 bits
			product *= primes[end]
			end++
		}
		r := rest.Mod(n, divisor.SetUint64(product)).Uint64()
		for _, p := range primes[len(list):end] {
			list = append(list, r%p)
		}
	}
	return list
}

// primesUnder returns the primes under bound, smallest first.
func primesUnder(bound int) []uint64 {
	composite := make([]bool, bound)
	var list []uint64
	for i := 2; i < bound; i++ {
		if composite[i] {
			continue
		}
		list = append(list, uint64(i))
		for j := i * i; j < bound; j += i {
			composite[j] = true
		}
	}
	return list
}
