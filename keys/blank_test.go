package keys_test

import (
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/keys"
)

// A URI with a blank before it, as quotes in a configuration leave it, is not taken for a
// file whose name is then told, PIN and all.
func TestBlanksTellNoPIN(t *testing.T) {
	for _, uri := range []string{" pkcs11:token=a;object=b?pin-value=4711", "\tpkcs11:token=a?pin-value=4711", "\npkcs11:object=b;pin-value=4711\n", "pkcs11 :token=a?pin-value=4711", "PKCS11-:token=a?pin-value=4711", "/keys/a?Pin-Value=4711"} {
		k, err := keys.Open(t.Context(), uri, keys.Options{})
		if err == nil {
			k.Close()
			t.Fatalf("%q opened", uri)
		}
		for _, text := range []string{err.Error(), keys.Redact(uri)} {
			if strings.Contains(text, "4711") {
				t.Errorf("%q: %s", uri, text)
			}
		}
	}
}
