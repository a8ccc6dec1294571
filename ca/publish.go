package ca

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// errOvertaken says that another process published a list in between.
var errOvertaken = errors.New("another list was published meanwhile")

// publishTries bounds how often lists are made again when overtaken.
const publishTries = 5

// PublishCRLs brings every list up to date: those that lack a revocation and those that
// are due. The others stay as they are, so calling it often is cheap. Numbers only go up
// (RFC 5280 §5.2.3): each follows the record that the new list replaces, and is no less
// than the time, so that a store restored from a backup does not repeat one.
func (c *CA) PublishCRLs(ctx context.Context) error {
	var errs []error
	for _, t := range c.tiers {
		errs = append(errs, c.publishLists(ctx, t, func(int) bool { return true }))
	}
	return errors.Join(errs...)
}

// publishLists publishes the shards of an issuing CA that wanted asks for, where there
// is something to publish.
func (c *CA) publishLists(ctx context.Context, t *tier, wanted func(shard int) bool) error {
	c.crls.Lock()
	defer c.crls.Unlock()
	err := errOvertaken
	for range publishTries {
		if err = c.publishOnce(ctx, t, wanted); !errors.Is(err, errOvertaken) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("publish CRLs of %s: %w", t.issuer.name, err)
	}
	return nil
}

// shardList is a shard's list in the making.
type shardList struct {
	shard    int
	last     store.CRL // zero: there is none
	entries  []x509.RevocationListEntry
	unlisted []string // ids of the revocations that the next list is the first to have
	next     store.CRL
}

// publishOnce signs outside the transaction, which may run more than once, and stores a
// list only when it still follows the one it was made from. Whoever revokes afterwards
// publishes again.
func (c *CA) publishOnce(ctx context.Context, t *tier, wanted func(shard int) bool) error {
	now := c.now().UTC().Truncate(time.Second)
	lists, err := c.listsToMake(ctx, t, wanted, now)
	if err != nil || len(lists) == 0 {
		return err
	}
	// Some at a time: all of them, after a mass revocation, would hold up everybody else.
	for len(lists) > 0 {
		n, size := 0, 0
		for n < len(lists) && (n == 0 || size < maxPublishBytes) {
			if err := c.signList(t, lists[n], now); err != nil {
				return err
			}
			size += len(lists[n].next.DER)
			n++
		}
		if err := c.storeLists(ctx, lists[:n]); err != nil {
			return err
		}
		lists = lists[n:]
	}
	return nil
}

// listsToMake reads, in one snapshot, which shards need a list and what it must hold.
func (c *CA) listsToMake(ctx context.Context, t *tier, wanted func(int) bool, now time.Time) ([]*shardList, error) {
	var lists []*shardList
	var revoked []string
	err := c.store.View(ctx, func(r store.Reader) error {
		byShard := map[int]*shardList{}
		var err error
		if revoked, err = c.unlisted(r, t, wanted, byShard); err != nil {
			return err
		}
		if err := c.due(r, t, wanted, byShard, now); err != nil {
			return err
		}
		if err := c.fillEntries(r, t, byShard, now); err != nil {
			return err
		}
		lists = nil
		for _, l := range byShard {
			lists = append(lists, l)
		}
		return nil
	})
	// Whether or not a list comes of it: what is revoked is not answered for as good.
	c.answers.Forget(t.issuer.name, revoked...)
	slices.SortFunc(lists, func(a, b *shardList) int { return a.shard - b.shard })
	return lists, err
}

// unlisted finds the shards that lack a revocation.
func (c *CA) unlisted(r store.Reader, t *tier, wanted func(int) bool, byShard map[int]*shardList) (serials []string, err error) {
	for u, err := range store.UnlistedRevocations.By(r, "issuer", t.issuer.name) {
		if err != nil {
			return nil, err
		}
		shard, err := shardOfKey(u.Serial, c.shards)
		if err != nil {
			return nil, err
		}
		if !wanted(shard) {
			continue
		}
		l := byShard[shard]
		if l == nil {
			l = &shardList{shard: shard}
			byShard[shard] = l
		}
		l.unlisted = append(l.unlisted, u.ID)
		serials = append(serials, u.Serial)
	}
	return serials, nil
}

// due adds the shards whose list is missing or old, and reads the last list of each.
// What this process has seen to be fresh is not read again.
func (c *CA) due(r store.Reader, t *tier, wanted func(int) bool, byShard map[int]*shardList, now time.Time) error {
	for shard := range c.shards {
		name := listName(t.issuer.name, shard)
		l := byShard[shard]
		if !wanted(shard) || l == nil && !isDue(c.listed[name], now) {
			continue
		}
		last, found, err := getCRL(r, name)
		if err != nil {
			return err
		}
		switch {
		case l != nil:
			l.last = last
		case !found || isDue(last.ThisUpdate, now):
			byShard[shard] = &shardList{shard: shard, last: last}
		default:
			c.listed[name] = last.ThisUpdate
		}
	}
	return nil
}

// fillEntries goes through the index of revoked certificates once, and reads the
// records of the shards in question.
func (c *CA) fillEntries(r store.Reader, t *tier, byShard map[int]*shardList, now time.Time) error {
	if len(byShard) == 0 {
		return nil
	}
	id := t.issuer.name
	for entry, err := range store.Certificates.Entries(r, "revoked", id, id+" ") {
		if err != nil {
			return err
		}
		shard, err := shardOfKey(entry.Key, c.shards)
		if err != nil {
			return err
		}
		l := byShard[shard]
		if l == nil || entry.Value != id {
			continue
		}
		cert, err := store.Certificates.Get(r, entry.Key)
		if err != nil {
			return err
		}
		if !isKept(cert, now) {
			continue
		}
		line, err := crlEntry(cert)
		if err != nil {
			return err
		}
		l.entries = append(l.entries, line)
	}
	return nil
}

func (c *CA) signList(t *tier, l *shardList, now time.Time) error {
	if l.last.ThisUpdate.After(now) && !isDue(l.last.ThisUpdate, now) {
		now = l.last.ThisUpdate // the clock went back a little; a later list must not look older
	}
	name := listName(t.issuer.name, l.shard)
	idp, err := idpExtension(listURL(c.publicURL, name))
	if err != nil {
		return err
	}
	l.next = store.CRL{
		Tier: t.issuer.name, Name: name, Number: max(l.last.Number+1, uint64(max(0, now.Unix()))),
		ThisUpdate: now, NextUpdate: now.Add(crlValidity),
	}
	l.next.DER, err = x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: new(big.Int).SetUint64(l.next.Number), ThisUpdate: l.next.ThisUpdate, NextUpdate: l.next.NextUpdate,
		RevokedCertificateEntries: l.entries, ExtraExtensions: []pkix.Extension{idp},
	}, t.issuer.cert, t.issuer.signer)
	if err != nil {
		return fmt.Errorf("sign list %s: %w", name, err)
	}
	return nil
}

// storeLists puts lists on record, each with what it is the first to have.
func (c *CA) storeLists(ctx context.Context, lists []*shardList) error {
	err := c.store.Update(ctx, func(tx store.Tx) error {
		for _, l := range lists {
			have, _, err := getCRL(tx, l.next.Name)
			if err != nil {
				return err
			}
			if have.Number != l.last.Number {
				return errOvertaken
			}
			if err := store.CRLs.Put(tx, l.next); err != nil {
				return err
			}
			for _, id := range l.unlisted {
				if err := store.UnlistedRevocations.Delete(tx, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range lists {
		c.listed[l.next.Name] = l.next.ThisUpdate
	}
	return nil
}

// noteUnlisted marks a certificate's list as out of date, in the transaction that
// revokes it.
func noteUnlisted(tx store.Tx, cert store.Certificate) error {
	return store.UnlistedRevocations.Insert(tx, store.UnlistedRevocation{
		ID: cert.Serial + "/" + store.NewID(cert.Revocation.At), Issuer: cert.IssuingCA(), Serial: cert.Serial,
	})
}
