//go:build !cgo || nopkcs11

package keys_test

import (
	"testing"

	"github.com/hallmark-pki/hallmark/keys"
)

func TestWithoutCgo(t *testing.T) {
	_, err := keys.Open(t.Context(), "pkcs11:token=audits;object=x?pin-value=314159", keys.Options{})
	wantReason(t, err, keys.NotCompiledIn, "CGO_ENABLED=1", "pin-value=…")
	_, err = keys.List(t.Context(), "pkcs11:", keys.Options{})
	wantReason(t, err, keys.NotCompiledIn)
	_, err = keys.Open(t.Context(), "pkcs11:tok", keys.Options{})
	wantReason(t, err, keys.BadURI)
}
