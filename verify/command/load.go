package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/child"
	"github.com/hallmark-pki/hallmark/verify/scan"
)

// maxConfigBytes bounds what is read of a policy, trust or status file: one byte more than
// the largest that a parser takes, so that it is the parser that refuses.
const maxConfigBytes = verify.MaxStatusBytes + 1

// Options is the command line. Empty paths mean the default places, whose files may
// be absent; but for trust, of which nothing can take the place.
type Options struct {
	Policy, Trust, Status string
	FetchProgram          string // empty: the one that child.Find finds
	JSON                  bool
	Packages              bool // read Verdict.Package even where the policy does not ask
	Now                   func() time.Time
	AsOf                  time.Time // zero: the present
	// offline: evidence is not fetched, whatever the policy says.
	offline bool
	// identify: only who signed counts; policy and status are not read.
	identify bool
}

// problem is why no file can be judged, and what to do about it.
type problem struct {
	reason verify.Reason
	hint   string
}

// load makes the verifier.
func (o Options) load() (*verify.Verifier, verify.Policy, *problem) {
	c, p := o.config()
	if p != nil {
		return nil, c.Policy, p
	}
	v, err := verify.New(c)
	if err != nil {
		return nil, c.Policy, &problem{verify.Reason{Code: verify.InternalError, Detail: err.Error()}, ""}
	}
	return v, c.Policy, nil
}

// config reads what a verifier is made of. A file that was named and is not there is a
// problem; a file at its default place may be absent.
func (o Options) config() (verify.Config, *problem) {
	c := verify.Config{Now: o.Now, AsOf: o.AsOf, Packages: o.Packages, Policy: verify.DefaultPolicy()}
	fail := func(code verify.Code, err error, hint string) (verify.Config, *problem) {
		return c, &problem{verify.Reason{Code: code, Detail: err.Error()}, hint}
	}
	raw, err := o.read(o.Policy, DefaultPolicy)
	if err == nil && raw != nil {
		c.Policy, err = verify.ParsePolicy(raw)
	}
	if o.identify {
		c.Policy = scan.Identify()
	}
	if err != nil {
		c.Policy = verify.DefaultPolicy()
		return fail(verify.PolicyUnusable, err, "correct the policy, or name another one with --policy")
	}
	if raw, err = read(o.Trust, DefaultTrust); err == nil && raw == nil {
		err = fmt.Errorf("%s: %w", DefaultTrust, fs.ErrNotExist)
	}
	if err == nil {
		c.Trust, err = verify.ParseTrust(raw)
	}
	if err != nil {
		return fail(verify.TrustUnusable, err, "get the CA's bundle (hallmark trust export), compare its fingerprint, name it with --trust")
	}
	if raw, err = o.read(o.Status, DefaultStatus); err == nil && raw != nil {
		c.Status, err = openStatus(raw, c)
	}
	if err != nil {
		return fail(verify.StatusUnusable, err, "get a new status bundle from the CA, and a new trust bundle if the CA's keys have changed")
	}
	o.fetcher(&c, c.Policy)
	return c, nil
}

// fetcher provides what a policy needs that asks for evidence from the network.
func (o Options) fetcher(c *verify.Config, p verify.Policy) {
	if p.MayFetch() {
		c.Fetcher = child.Fetcher{Program: o.FetchProgram}
		if o.offline {
			c.Fetcher = noFetcher{}
		}
	}
}

// openStatus reads the status bundle under the keys of the trust bundle. One that no key
// could verify, because the trust bundle is from before they were signed, is left aside
// where the policy asks nothing of it.
func openStatus(raw []byte, c verify.Config) (verify.Status, error) {
	if len(c.Trust.StatusKeys) == 0 && c.Policy.Revocation == verify.Off && c.Policy.Assessments != verify.InForceToday {
		return verify.Status{}, nil
	}
	return verify.OpenStatus(raw, c.Trust, c.Now())
}

// noFetcher is for judging many packages at once, offline: what would have to be fetched
// could not be told.
type noFetcher struct{}

func (noFetcher) Fetch(context.Context, string) ([]byte, error) {
	return nil, errors.New("this command opens no connection")
}

// read is the function read, for files that do not count where only the signer does.
func (o Options) read(path, byDefault string) ([]byte, error) {
	if o.identify {
		return nil, nil
	}
	return read(path, byDefault)
}

// read returns the file's bytes; nil without an error if it is the default one and
// absent.
func read(path, byDefault string) ([]byte, error) {
	named := path != ""
	if !named {
		path = byDefault
	}
	f, err := os.Open(path)
	if !named && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var raw bytes.Buffer
	if info, err := f.Stat(); err == nil { // what it says is a hint: how much is read is another matter
		raw.Grow(int(min(info.Size(), maxConfigBytes)) + bytes.MinRead)
	}
	if _, err := raw.ReadFrom(io.LimitReader(f, maxConfigBytes)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return raw.Bytes(), nil
}
