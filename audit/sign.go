package audit

import (
	"context"
	"crypto"
	"fmt"

	"github.com/hallmark-pki/hallmark/attest"
)

// Statement wraps an assessment into the in-toto statement that is signed.
func (a Assessment) Statement() (attest.Statement, error) {
	s, err := attest.NewStatement([]attest.Subject{subject(a.Vendor.URI)}, PredicateType, a)
	if err != nil {
		return attest.Statement{}, fmt.Errorf("make statement about %s: %w", a.Vendor.URI, err)
	}
	return s, nil
}

// Sign makes the DSSE envelope that an auditor submits. It does not judge the
// assessment; Draft.Assessment and Register.Submit do.
func Sign(ctx context.Context, a Assessment, signer crypto.Signer) ([]byte, error) {
	s, err := a.Statement()
	if err != nil {
		return nil, err
	}
	envelope, err := attest.SignStatement(ctx, s, signer)
	if err != nil {
		return nil, fmt.Errorf("sign assessment of %s: %w", a.Vendor.URI, err)
	}
	return envelope, nil
}
