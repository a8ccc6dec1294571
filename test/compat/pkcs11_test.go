package compat

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"os"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/keys"
	"github.com/hallmark-pki/hallmark/sign"
)

const (
	tokenPIN  = "1234"
	tokenName = "acme"
)

// softToken makes a token with a key pair of its own making, and returns the module and
// the public key.
func (w *world) softToken() (module string, public crypto.PublicKey) {
	w.t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			module = found[0]
			break
		}
	}
	if module == "" {
		w.t.Fatal("SoftHSM2 is not installed (test/setup test)")
	}
	w.check(os.Mkdir(w.path("tokens"), 0o700))
	conf := "directories.tokendir = " + w.path("tokens") + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	w.check(os.WriteFile(w.path("softhsm2.conf"), []byte(conf), 0o600))
	w.t.Setenv("SOFTHSM2_CONF", w.path("softhsm2.conf")) // for the module in this process
	w.must("softhsm2-util", "--init-token", "--free", "--label", tokenName, "--so-pin", "87654321", "--pin", tokenPIN)
	w.must(w.pkcs11Tool(module, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "release")...)
	der := w.fresh(".der")
	w.must(w.pkcs11Tool(module, "--read-object", "--type", "pubkey", "--id", "01", "--output-file", der)...)
	public, err := x509.ParsePKIXPublicKey(w.read(der))
	w.check(err)
	return module, public
}

func (w *world) pkcs11Tool(module string, args ...string) []string {
	return append([]string{"pkcs11-tool", "--module", module, "--token-label", tokenName, "--login", "--pin", tokenPIN}, args...)
}

func (w *world) tokens() group {
	g := group{
		tool: "p11tool, pkcs11-tool", use: "keys in a token", oneByOne: true,
		how: "pkcs11-tool --module libsofthsm2.so --login --keypairgen --key-type EC:prime256v1 --id 01 --label release\n" +
			"pkcs11-tool --module libsofthsm2.so --login --write-object vendor.der --type cert --id 01 --label release\n" +
			"p11tool --provider libsofthsm2.so --login --test-sign 'pkcs11:token=acme;object=release;type=private'",
		about: "SoftHSM made the key; our certificate of it lies beside it. GnuTLS's certtool and hallmark sign with that key, openssl judges.",
	}
	module, public := w.softToken()
	l := w.certify(nil, public)
	w.must(w.pkcs11Tool(module, "--write-object", w.file(".der", l.issued.Certificate.Raw), "--type", "cert", "--id", "01", "--label", "release")...)
	object := func(kind string) string { return "pkcs11:token=" + tokenName + ";object=release;type=" + kind }
	gnutls := func(pin string, args ...string) []string {
		return append([]string{"env", "GNUTLS_PIN=" + pin}, args...)
	}
	testSign := func(pin string) []string {
		return gnutls(pin, "p11tool", "--provider", module, "--login", "--batch", "--test-sign", object("private"))
	}
	content := []byte("what acme's builder built\n")
	file, theirs := w.file(".bin", content), w.fresh(".p7")
	w.must(gnutls(tokenPIN, "certtool", "--provider", module, "--p7-detached-sign", "--p7-include-cert", "--load-certificate", l.cert,
		"--load-privkey", object("private"), "--infile", file, "--outfile", theirs)...)
	ours := w.file(".p7s", w.signWithToken(module, l, content))
	verify := func(form, signature, anchor string) []string {
		return []string{"openssl", "cms", "-verify", "-binary", "-inform", form, "-in", signature, "-content", file, "-CAfile", anchor,
			"-certfile", l.chain, "-purpose", "any", "-out", w.fresh(".out")}
	}
	const ok = "CMS Verification successful"
	g.cases = []kase{
		{name: "p11tool finds the certificate", args: gnutls(tokenPIN, "p11tool", "--provider", module, "--list-all-certs", object("cert")), shows: "Label: release", want: true, says: "X.509 Certificate (EC/ECDSA-SECP256R1)"},
		{name: "pkcs11-tool finds the certificate", args: w.pkcs11Tool(module, "--list-objects", "--type", "cert"), shows: "label:      release", want: true, says: "subject:    DN: C=DE, O=Acme Ltd, CN=Acme Ltd"},
		{name: "p11tool signs, and checks it with the certificate's key", args: testSign(tokenPIN), want: true, says: "Verifying against public key in the token... ok"},
		{name: "p11tool with a wrong PIN", args: testSign("9999"), says: "Wrong PIN has been provided!"},
		{name: "signed by certtool in the token: openssl, twin", args: verify("PEM", theirs, w.twin("elevated")), want: true, says: ok},
		{name: "signed by certtool in the token: openssl, twin of another tier", args: verify("PEM", theirs, w.twin("standard")), says: "unable to get local issuer certificate"},
		{name: "signed by hallmark in the token: openssl, twin", args: verify("DER", ours, w.twin("elevated")), want: true, says: ok},
		{name: "signed by hallmark in the token: openssl, twin of another tier", args: verify("DER", ours, w.twin("standard")), says: "unable to get local issuer certificate"},
	}
	return g
}

// signWithToken signs as a vendor does whose key is in a token.
func (w *world) signWithToken(module string, l leaf, content []byte) []byte {
	w.t.Helper()
	ctx, digest := context.Background(), sha256.Sum256(content)
	pin := w.file(".pin", []byte(tokenPIN+"\n"))
	key, err := keys.Open(ctx, "pkcs11:token="+tokenName+";object=release?module-path="+module+"&pin-source="+pin, keys.Options{})
	w.check(err)
	defer key.Close()
	chain := append([]*x509.Certificate{l.issued.Certificate}, l.issued.Chain...)
	cms, err := sign.BuildCMS(ctx, sign.CMSInput{Digest: digest[:], Signer: key, Chain: chain, SigningTime: w.now()})
	w.check(err)
	hash, imprint := cms.Imprint()
	token, err := w.ca.StampDigest(ctx, hash, imprint)
	w.check(err)
	w.check(cms.AddTimestamp(token))
	der, err := cms.Marshal()
	w.check(err)
	return der
}
