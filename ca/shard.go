package ca

import (
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-pki/hallmark/ext"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// An issuing CA's list is cut into shards by serial number, so that a verifier that
// judges one file fetches one of many small lists, and a revocation makes one of them
// anew. The number of shards is fixed when the hierarchy is made: certificates carry
// the URL of theirs.
const (
	// DefaultShards keeps a shard under 64 KiB up to about 40,000 revocations of a tier.
	DefaultShards = 32
	// MaxShards is what verifiers' bounds on status bundles are made for.
	MaxShards = 4096
)

// checkShards accepts what Init and hierarchy.json may say.
func checkShards(n int) error {
	if n < 1 || n > MaxShards {
		return fmt.Errorf("%d CRL shards, want 1 to %d", n, MaxShards)
	}
	return nil
}

// shardOf returns the shard of a serial number: its last two bytes, modulo.
func shardOf(serial *big.Int, shards int) int {
	low := new(big.Int).And(serial, big.NewInt(0xffff))
	return int(low.Int64()) % shards
}

// shardOfKey is shardOf for a serial number as records spell it.
func shardOfKey(serial string, shards int) (int, error) {
	low, err := strconv.ParseUint(serial[max(0, len(serial)-4):], 16, 16)
	if err != nil {
		return 0, fmt.Errorf("serial number %q on record: %w", serial, err)
	}
	return int(low) % shards, nil
}

// listName names a shard's list, in records and in URLs.
func listName(issuer string, shard int) string { return issuer + "/" + strconv.Itoa(shard) }

// listURL is where a list of that name is served.
func listURL(publicURL, name string) string { return publicURL + "/crl/" + name + ".crl" }

// parseListName finds the tier and shard of "<issuing CA>/<shard>". Only the one way of
// writing a number is taken, so that a list has one name.
func (c *CA) parseListName(name string) (t *tier, shard int, ok bool) {
	id, number, _ := strings.Cut(name, "/")
	shard, err := strconv.Atoi(number)
	if err != nil || shard < 0 || shard >= c.shards || strconv.Itoa(shard) != number {
		return nil, 0, false
	}
	t, ok = c.issuing(id)
	return t, shard, ok
}

// issuing finds an issuing CA by its id.
func (c *CA) issuing(id string) (*tier, bool) {
	i := slices.IndexFunc(c.tiers, func(t *tier) bool { return t.issuer.name == id })
	if i < 0 {
		return nil, false
	}
	return c.tiers[i], true
}

// idpExtension restricts a list to end-entity certificates that name its URL,
// RFC 5280 §5.2.5. It is critical, so that nobody takes a shard for the whole.
func idpExtension(url string) (pkix.Extension, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { // distributionPoint
			b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { // fullName
				b.AddASN1(cbasn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(url)) })
			})
		})
		b.AddASN1(cbasn1.Tag(1).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddUint8(0xff) }) // onlyContainsUserCerts
	})
	value, err := b.Bytes()
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("issuing distribution point: %w", err)
	}
	return pkix.Extension{Id: ext.IssuingDistributionPoint(), Critical: true, Value: value}, nil
}
