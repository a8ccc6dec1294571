package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

// Version is the one that Parse reads.
const Version = 2

// Proof is the content of a proof file; the package comment describes it.
type Proof struct {
	Version    int         `json:"version"`
	File       File        `json:"file"`
	Container  verify.Code `json:"container"`
	ToBeSigned ToBeSigned  `json:"to_be_signed"`
	Signatures []Signature `json:"signatures"`
	Trust      []byte      `json:"trust"`
	Status     []byte      `json:"status"`
	Policy     []byte      `json:"policy"`
	Demands    *Demands    `json:"demands"`
	Evidence   [][]byte    `json:"evidence"`
	Grounds    Grounds     `json:"grounds"`
	At         time.Time   `json:"at"`
	Verdict    string      `json:"verdict"`
	Codes      []string    `json:"codes"`
}

// File says which file it is.
type File struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	SHA256    string `json:"sha256"`
	Algorithm string `json:"algorithm"`
	Signed    string `json:"signed"`
	Package   string `json:"package"`
}

// ToBeSigned is what a signature of the file must be over.
type ToBeSigned struct {
	ContentType string `json:"content_type"`
	Content     []byte `json:"content"`
	Digest      string `json:"digest"`
	Timestamp   string `json:"timestamp"`
	MediaType   string `json:"media_type"`
	Size        int64  `json:"size"`
}

// Signature is one signature as it stands in the file or beside it.
type Signature struct {
	Form  string `json:"form"`
	Bytes []byte `json:"bytes"`
}

// Forms of signatures.
const (
	CMS = "cms"
	JWS = "jws"
)

// Demands is a policy, spelled out.
type Demands struct {
	Mode         string      `json:"mode"`
	Require      [][]Item    `json:"require"`
	Revocation   string      `json:"revocation"`
	Timestamp    string      `json:"timestamp"`
	Attestations string      `json:"attestations"`
	Confirmed    string      `json:"confirmed"`
	Assessments  string      `json:"assessments"`
	MaxStatusAge int64       `json:"max_status_age"`
	Exceptions   []Exception `json:"exceptions"`
}

// Item is a claim that must be there, at this level or above.
type Item struct {
	Framework string `json:"framework"`
	Track     string `json:"track"`
	Level     int    `json:"level"`
}

// Exception lets a file pass until it expires.
type Exception struct {
	Digest  string    `json:"digest"`
	Vendor  string    `json:"vendor"`
	Expires time.Time `json:"expires"`
}

// Marshal writes the proof in its one spelling. It refuses what Parse would refuse.
func (p Proof) Marshal() ([]byte, error) {
	raw, err := p.encode()
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	return raw, nil
}

func (p Proof) encode() ([]byte, error) {
	p.At = p.At.UTC().Truncate(time.Second)
	p.Signatures = append([]Signature{}, p.Signatures...)
	p.Codes = append([]string{}, p.Codes...)
	p.Evidence = append([][]byte{}, p.Evidence...)
	p.Grounds.Assessments = append([]Assessment{}, p.Grounds.Assessments...)
	p.Grounds.Reproduced = append([]string{}, p.Grounds.Reproduced...)
	p.Grounds.Contradicted = append([]string{}, p.Grounds.Contradicted...)
	for _, b := range []*[]byte{&p.ToBeSigned.Content, &p.Trust, &p.Status, &p.Policy} {
		*b = append([]byte{}, *b...)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		return nil, err
	}
	if b.Len() > maxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d", b.Len(), maxBytes)
	}
	return b.Bytes(), nil
}

// Parse reads a proof. It verifies nothing: what is in it are claims.
func Parse(raw []byte) (Proof, error) {
	if len(raw) > maxBytes {
		return Proof{}, fmt.Errorf("proof: %d bytes, at most %d", len(raw), maxBytes)
	}
	var p Proof
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Proof{}, fmt.Errorf("proof: %w", err)
	}
	// Written again it must be the same: no member twice, none missing, nothing behind it.
	again, err := p.encode()
	if err != nil {
		return Proof{}, fmt.Errorf("proof: %w", err)
	}
	if !bytes.Equal(raw, again) {
		return Proof{}, errors.New("proof: not in its one spelling")
	}
	if err := p.check(); err != nil {
		return Proof{}, fmt.Errorf("proof: %w", err)
	}
	return p, nil
}

// check holds for a proof however it was made.
func (p Proof) check() error {
	outcomes := []string{verify.Valid.String(), verify.NotValid.String(), verify.CouldNotTell.String()}
	switch {
	case p.Version != Version:
		return fmt.Errorf("version %d, this release reads %d", p.Version, Version)
	case !slices.Contains(outcomes, p.Verdict):
		return fmt.Errorf("verdict %.32q", p.Verdict)
	case p.Verdict == verify.Valid.String() && len(p.Codes) > 0, p.Verdict != verify.Valid.String() && len(p.Codes) == 0:
		return fmt.Errorf("verdict %q with %d reasons", p.Verdict, len(p.Codes))
	case len(p.Signatures) > maxSignatures:
		return fmt.Errorf("%d signatures, at most %d", len(p.Signatures), maxSignatures)
	case len(p.Evidence) > maxEvidence:
		return fmt.Errorf("%d envelopes of evidence, at most %d", len(p.Evidence), maxEvidence)
	case p.Container == "" && len(p.Signatures) == 0:
		return errors.New("no signature, and no reason for that")
	case p.At.IsZero():
		return errors.New("no time")
	}
	for i, a := range p.Grounds.Assessments {
		if !slices.Contains(ranked(), a.State) {
			return fmt.Errorf("grounds, assessment %d: state %.32q", i, a.State)
		}
	}
	for i, s := range p.Signatures {
		if s.Form != CMS && s.Form != JWS {
			return fmt.Errorf("signatures, item %d: form %.32q", i, s.Form)
		}
	}
	return nil
}
