package compat

import (
	"crypto/sha1" // how trustlist.txt names certificates
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func (w *world) gpgsm(revokedFile, revokedSignature string) group {
	g := group{
		tool: "gpgsm", use: "detached signatures",
		how: "gpgsm --import root.pem elevated-ca.pem\n" +
			"echo FINGERPRINT-OF-THE-ANCHOR S relax >> ~/.gnupg/trustlist.txt\n" +
			"gpgsm --verify FILE.p7s FILE",
		about: "What `hallmark sign` writes. \"Lists off\" means `--disable-crl-checks --disable-dirmngr`, which GnuPG 2.2 needs here: it cannot check a list signed with ECDSA. Look at revocation with another tool then. " +
			"GnuPG notes policies that its `policies.txt` does not name, and enforces only critical ones: it can be told which tier to trust, not which level.",
	}
	content := []byte("what acme's builder built\n")
	file := w.file(".bin", content)
	signature := w.file(".p7s", w.signDetached(content))
	root, elevated, standard := w.root(), w.twin("elevated"), w.twin("standard")
	chain := w.good.chain
	verify := func(home, signature, file string, more ...string) []string {
		args := append([]string{"gpgsm", "--homedir", home, "--batch"}, more...)
		return append(args, "--verify", signature, file)
	}
	off := []string{"--disable-crl-checks", "--disable-dirmngr"}
	trusting := func(anchor string) string { return w.gnupgHome(anchor, anchor, chain) }
	const good, tooShort = "Good signature from", "checking the CRL failed: Provided object is too short"
	g.cases = []kase{
		{name: "root, lists off", args: verify(trusting(root), signature, file, off...), want: true, says: good},
		{name: "twin of its tier, lists off", args: verify(trusting(elevated), signature, file, off...), want: true, says: good},
		{name: "twin of another tier, lists off", args: verify(trusting(standard), signature, file, off...), says: "Missing issuer certificate"},
		{name: "root known and not trusted, lists off", args: verify(w.gnupgHome(standard, root, chain), signature, file, off...), says: "root certificate is not marked trusted"},
		{name: "another file, lists off", args: verify(trusting(root), signature, w.file(".bin", []byte("x")), off...), says: "invalid signature: message digest attribute does not match"},
		{name: "root, lists on", args: verify(trusting(root), signature, file), says: tooShort, wrong: "its dirmngr fetches the list, and fails at the ECDSA signature on it; so it refuses what is good"},
		{name: "revoked, lists on", args: verify(trusting(root), revokedSignature, revokedFile), says: tooShort, note: "refused, though not because it is revoked"},
		{name: "revoked, lists off", args: verify(trusting(root), revokedSignature, revokedFile, off...), want: true, says: good, wrong: "told not to look"},
	}
	return g
}

// gnupgHome is a home of GnuPG's that trusts one anchor and knows some certificates.
func (w *world) gnupgHome(trusted string, known ...string) string {
	w.t.Helper()
	home := w.fresh(".gpg")
	w.check(os.Mkdir(home, 0o700))
	sum := sha1.Sum(w.pemBytes(trusted))
	w.check(os.WriteFile(filepath.Join(home, "trustlist.txt"), []byte(strings.ToUpper(hex.EncodeToString(sum[:]))+" S relax\n"), 0o600))
	w.t.Cleanup(func() { exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() }) // what gpgsm has started in it
	w.must(append([]string{"gpgsm", "--homedir", home, "--batch", "--disable-dirmngr", "--import"}, known...)...)
	return home
}
