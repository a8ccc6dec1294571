//go:build !cgo || nopkcs11

package keys

import "context"

// notCompiledIn says first what is wrong with the URI, so that the same text is good or
// bad in every build.
func notCompiledIn(uri string) error {
	if _, err := parseURI(uri); err != nil {
		return err
	}
	return refuse(NotCompiledIn, Redact(uri), "this program was built without cgo and loads no PKCS #11 module; build it with CGO_ENABLED=1 and a C compiler")
}

func openPKCS11(_ context.Context, uri string, _ Options) (Key, error) {
	return nil, notCompiledIn(uri)
}

func listPKCS11(_ context.Context, uri string) ([]Listed, error) {
	return nil, notCompiledIn(uri)
}

func generatePKCS11(_ context.Context, uri string, _ Options, _ Algorithm) (Generated, error) {
	return Generated{}, notCompiledIn(uri)
}
