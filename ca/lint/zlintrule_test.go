package lint

import (
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3/lint"
	"github.com/zmap/zlint/v3/util"
)

// TestZlintRules: a rule that is kept for many certificates says about each what zlint has
// it say, also where it does not apply or panics.
func TestZlintRules(t *testing.T) {
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	plain, certs, seen := 0, 0, map[lint.LintStatus]int{}
	err = filepath.WalkDir(corpora.Folder(t, "codesigning-lint"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".pem" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(raw)
		if block == nil {
			return nil
		}
		cert, err := zx509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil
		}
		certs++
		for _, subject := range []*zx509.Certificate{cert, twin(cert), {}} { // many rules panic at an empty one
			for _, rules := range [][]zlintRule{l.general, l.codeSigning} {
				for i := range rules {
					r := &rules[i]
					got, want := r.execute(subject, util.IsCodeSigning(subject.PolicyIdentifiers), l.config), r.Execute(subject, l.config)
					if got.Status != want.Status || letters(got.Details) != letters(want.Details) {
						t.Errorf("%s on %s: %v, zlint says %v", r.Name, filepath.Base(path), got, want)
					}
					if r.plain != nil {
						plain++
						seen[got.Status]++
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []lint.LintStatus{lint.NA, lint.NE, lint.Pass, lint.Error, lint.Fatal} {
		if seen[s] == 0 {
			t.Errorf("no rule ever said %s", s)
		}
	}
	if certs < 10 || plain < certs*100 {
		t.Errorf("%d certificates, %d verdicts of kept rules", certs, plain)
	}
}

// letters is a text without the order that a map gave its parts.
func letters(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}
