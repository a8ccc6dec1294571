package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Put stores an envelope under the sha256 digest of each of its subjects and
// returns these digests, also when it was there already. The envelope is stored as
// one line: white space between JSON tokens is dropped, nothing else changes.
//
// What a vendor files itself is bounded by its quota, and leaves room with each digest
// for others; see Independent.
//
// Errors: ErrVendor, ErrNoDigest, ErrFull, ErrCorrupt, *QuotaError, *attest.Error for an
// envelope that attest refuses to parse. When a refusal is returned nothing was
// stored; on an error of the disk some of the digests may have been written.
func (r *Repository) Put(ctx context.Context, vendor string, envelope []byte) ([]string, error) {
	return r.put(ctx, vendor, envelope, room{vendorEnvelopes, vendorFile, true})
}

// Independent files what must not depend on the vendor's good will: a rebuilder's
// finding that a build is not what it claims, or the CA's own word. The vendor's quota
// does not bound it, and what the vendor has filed leaves room for it.
type Independent struct{ r *Repository }

// Independent returns the repository as those file in it whom a vendor must not be able
// to crowd out.
func (r *Repository) Independent() Independent { return Independent{r} }

// Put is Repository.Put without the vendor's quota and up to MaxEnvelopes and MaxFile.
func (i Independent) Put(ctx context.Context, vendor string, envelope []byte) ([]string, error) {
	return i.r.put(ctx, vendor, envelope, room{envelopes: MaxEnvelopes, bytes: MaxFile})
}

// Get is Repository.Get.
func (i Independent) Get(ctx context.Context, vendor, digest string) ([][]byte, error) {
	return i.r.Get(ctx, vendor, digest)
}

// room is what somebody may fill of one digest, and whether a quota bounds the whole.
type room struct {
	envelopes, bytes int
	quota            bool
}

func (r *Repository) put(ctx context.Context, vendor string, envelope []byte, most room) ([]string, error) {
	if err := checkVendor(vendor); err != nil {
		return nil, err
	}
	line, digests, err := index(envelope)
	if err != nil {
		return nil, err
	}
	if err := r.file(ctx, vendor, digests, [][]byte{line}, most); err != nil {
		return nil, err
	}
	return digests, nil
}

// Merge adds lines that were found elsewhere about an artifact, such as at the vendor's
// own repository, and says how many were new. Each must be an envelope over a statement
// that has the digest among its subjects; one that is not refuses them all. What was here
// stays, whether or not it is among them. The bounds are those of Put, and the errors
// too.
func (r *Repository) Merge(ctx context.Context, vendor, digest string, lines [][]byte) (added int, err error) {
	return r.merge(ctx, vendor, digest, lines, room{vendorEnvelopes, vendorFile, true})
}

// Copy is Merge without bounds on the vendor: for a mirror, whose source has bounds.
func (r *Repository) Copy(ctx context.Context, vendor, digest string, lines [][]byte) (added int, err error) {
	return r.merge(ctx, vendor, digest, lines, room{envelopes: MaxEnvelopes, bytes: MaxFile})
}

func (r *Repository) merge(ctx context.Context, vendor, digest string, lines [][]byte, most room) (int, error) {
	if _, err := r.path(vendor, digest); err != nil {
		return 0, err
	}
	for i, l := range lines {
		if err := CheckLine(l, digest); err != nil {
			return 0, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	before, err := r.Get(ctx, vendor, digest)
	if err != nil {
		return 0, err
	}
	if err := r.file(ctx, vendor, []string{digest}, lines, most); err != nil {
		return 0, err
	}
	after, err := r.Get(ctx, vendor, digest)
	if err != nil {
		return 0, err
	}
	return len(after) - len(before), nil
}

// CheckLine says whether a line may stand in the file of a digest: one envelope without
// line breaks, over a statement that has the digest among its subjects. Its signatures
// are not looked at. Errors: ErrCorrupt, ErrNoDigest, *attest.Error.
func CheckLine(line []byte, digest string) error {
	if bytes.ContainsAny(line, "\r\n") {
		return fmt.Errorf("%w: line break", ErrCorrupt)
	}
	_, digests, err := index(line)
	if err != nil {
		return err
	}
	if !slices.Contains(digests, digest) {
		return fmt.Errorf("%w %.64s: about something else", ErrNoDigest, digest)
	}
	return nil
}

// file adds lines to the files of some digests. All is judged before anything is
// written.
func (r *Repository) file(ctx context.Context, vendor string, digests []string, lines [][]byte, most room) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	unlock, err := r.lock()
	if err != nil {
		return fmt.Errorf("put attestation: %w", err)
	}
	defer unlock()
	var more Usage
	for _, d := range digests {
		_, grows, err := r.grown(vendor, d, lines, most)
		if err != nil {
			return fmt.Errorf("put attestation of %s: %w", d, err)
		}
		more.Envelopes += grows.Envelopes
		more.Bytes += grows.Bytes
	}
	used, err := r.usage(vendor)
	if err != nil {
		return fmt.Errorf("put attestation: %w", err)
	}
	if most.quota && more.Envelopes > 0 {
		if err := r.Quota(vendor).check(vendor, used, more); err != nil {
			return err
		}
	}
	for _, d := range digests {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.add(vendor, d, lines, most); err != nil {
			return fmt.Errorf("put attestation of %s: %w", d, err)
		}
	}
	if more.Envelopes == 0 {
		return nil
	}
	return r.noteUsage(vendor, Usage{used.Bytes + more.Bytes, used.Envelopes + more.Envelopes})
}

func (r *Repository) add(vendor, digest string, lines [][]byte, most room) error {
	path, err := r.path(vendor, digest)
	if err != nil {
		return err
	}
	file, more, err := r.grown(vendor, digest, lines, most)
	if err != nil || more.Envelopes == 0 {
		return err
	}
	err = r.replace(path, file)
	r.seen.files.Forget(path)
	return err
}

// grown returns what the file of a digest would be with some lines more, and by how much
// it would grow. Lines that are there already are left where they are.
func (r *Repository) grown(vendor, digest string, lines [][]byte, most room) ([]byte, Usage, error) {
	path, err := r.path(vendor, digest)
	if err != nil {
		return nil, Usage{}, err
	}
	have, err := ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, Usage{}, err
	}
	size := 0
	known := make(map[[sha256.Size]byte]bool, len(have))
	for _, e := range have {
		known[sha256.Sum256(e)] = true
		size += len(e) + 1
	}
	var more Usage
	for _, l := range lines {
		sum := sha256.Sum256(l)
		if known[sum] {
			continue
		}
		known[sum] = true
		have = append(have, l)
		more.Envelopes++
		more.Bytes += int64(len(l)) + 1
	}
	if more.Envelopes > 0 && (len(have) > most.envelopes || size+int(more.Bytes) > most.bytes) {
		return nil, Usage{}, ErrFull
	}
	return append(bytes.Join(have, []byte("\n")), '\n'), more, nil
}
