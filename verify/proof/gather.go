package proof

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/verify"
)

// Input is what a verdict was reached with: files byte for byte, nil where there was none.
type Input struct {
	Trust, Status, Policy []byte
	// Demands is the policy; nil if Policy is none.
	Demands *verify.Policy
	At      time.Time
	Verdict verify.Verdict
	// Evidence that is at hand beside the file, DSSE envelopes: assessments that the mark
	// names, and statements about the file. The verdict does not rest on it.
	Evidence [][]byte
	// AtHand are envelopes that were found where such evidence is kept. Those that are
	// about something else are left out.
	AtHand [][]byte
}

// ErrChanged: the file is not the one that was judged.
var ErrChanged = errors.New("the file changed after it was judged")

// Gather makes the proof of a verdict about the file at path. The file is read anew; if
// it is not the one that the verdict is about the error is ErrChanged; for evidence that is
// about something else, ErrElsewhere.
func Gather(ctx context.Context, path string, in Input) (Proof, error) {
	p := Proof{
		Version: Version, File: File{Name: path}, Trust: in.Trust, Status: in.Status, Policy: in.Policy,
		At: in.At.UTC().Truncate(time.Second), Verdict: in.Verdict.Outcome.String(),
	}
	for _, r := range in.Verdict.Reasons {
		p.Codes = append(p.Codes, string(r.Code))
	}
	if in.Demands != nil {
		p.Demands = demandsOf(*in.Demands, in.Verdict)
	}
	read := p.readFile
	if is, _ := (oci.Format{}).Detect(path); is {
		read = p.readImage
	}
	if err := read(ctx, path); err != nil {
		if p.Container = container(err, in.Verdict); p.Container == "" {
			return Proof{}, fmt.Errorf("%w: %w", ErrChanged, err)
		}
		p.Signatures = nil
	} else if in.Verdict.Has(verify.PackageUnreadable) {
		p.Container = verify.PackageUnreadable
	}
	p.File.Package = in.Verdict.Package.Name
	if in.Verdict.Digest != "" && p.File.SHA256 != in.Verdict.Digest {
		return Proof{}, ErrChanged
	}
	return p, p.attach(in)
}

// container is the reason why there is no signature to look at: what the judge said about
// it, or what an exception forgave. "": the judge saw another file.
func container(err error, v verify.Verdict) verify.Code {
	switch {
	case len(v.Reasons) > 0:
		return v.Reasons[0].Code
	case !slices.ContainsFunc(v.Notes, func(n verify.Reason) bool { return n.Code == verify.NoteException }):
		return ""
	case errors.Is(err, format.ErrUnsigned):
		return verify.Unsigned
	}
	return verify.ContainerMalformed
}

// readFile reads digests and signature from one opening of the file.
func (p *Proof) readFile(_ context.Context, path string) error {
	f, err := format.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p.File.Kind = string(f.Kind)
	d, err := f.Digests()
	if err != nil {
		return err
	}
	p.File.SHA256, p.File.Signed, p.File.Algorithm = hex.EncodeToString(d.SHA256[:]), hex.EncodeToString(d.Signed[:]), f.Algorithm()
	tbs, err := f.ToBeSigned()
	if err != nil {
		return err
	}
	p.ToBeSigned = ToBeSigned{
		ContentType: tbs.ContentType.String(), Content: tbs.Content, Digest: hex.EncodeToString(tbs.Digest[:]), Timestamp: tbs.Timestamp.String(),
	}
	signature, err := f.Signature()
	if err != nil {
		return err
	}
	p.Signatures = []Signature{{CMS, signature}}
	return nil
}

// readImage reads a manifest's descriptor and signatures.
func (p *Proof) readImage(ctx context.Context, path string) error {
	a, err := oci.OpenArtifact(path)
	if err != nil {
		return err
	}
	defer a.Close()
	p.File.Kind, p.File.Algorithm = string(oci.Kind), format.SHA256
	// The time stamp's name says where the parts of a JWS would stand in a CMS.
	p.ToBeSigned = ToBeSigned{MediaType: a.Descriptor.MediaType, Size: a.Descriptor.Size, Timestamp: ext.TimeStampToken().String()}
	if err := a.Check(ctx); err != nil {
		return err
	}
	p.File.SHA256 = a.Descriptor.Hex() // not before: exceptions go by it
	p.File.Signed = p.File.SHA256
	list, err := a.Signatures()
	if err != nil {
		return err
	}
	for _, s := range list {
		p.Signatures = append(p.Signatures, Signature{JWS, s.Envelope})
	}
	if len(list) == 0 {
		return format.ErrUnsigned
	}
	return nil
}

// demandsOf spells out what a policy means for a file.
func demandsOf(policy verify.Policy, v verify.Verdict) *Demands {
	policy, _ = policy.For(v.Package.Name, v.Vendor)
	d := &Demands{
		Mode: string(policy.Mode), Require: [][]Item{}, Revocation: string(policy.Revocation), Timestamp: string(policy.Timestamp),
		Attestations: string(policy.Attestations), Confirmed: string(policy.Confirmed), Assessments: string(policy.Assessments),
		MaxStatusAge: int64(policy.MaxStatusAge / time.Second), Exceptions: []Exception{},
	}
	if d.Confirmed == "" {
		d.Confirmed = string(verify.ConfirmedOrNot)
		if policy.Attestations != verify.NoAttestations {
			d.Confirmed = string(verify.ConfirmedOnly)
		}
	}
	if d.Assessments == "" {
		d.Assessments = string(verify.WhenSigned)
	}
	for _, all := range policy.Require {
		items := []Item{}
		for _, r := range all {
			items = append(items, Item{r.Framework, r.Track, r.Level})
		}
		d.Require = append(d.Require, items)
	}
	for _, e := range policy.Exceptions {
		if e.Package != "" {
			// By package: what it means for this one, and nothing for the vendor's others.
			if v.Vendor == "" || !e.Covers(v.Package.Name, v.Vendor) {
				continue
			}
			e.Vendor = v.Vendor
		}
		d.Exceptions = append(d.Exceptions, Exception{e.Digest, e.Vendor, e.Expires.UTC()})
	}
	return d
}
