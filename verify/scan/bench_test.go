package scan_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
	"github.com/hallmark-pki/hallmark/verify/scan"
)

// BenchmarkPackages scans 500 packages, each with a record and a signature of its own.
func BenchmarkPackages(b *testing.B) {
	const packages = 500
	p, dir := pki.New(b), b.TempDir()
	var list []installed.Package
	for i := range packages {
		is := named(fmt.Sprintf("p%03d", i), "1")
		digest := sha256.Sum256([]byte(is.Name))
		if err := installed.Write(dir, installed.Record{Package: is, Digest: digest, Signature: p.Sign(b, digest), At: p.Now}); err != nil {
			b.Fatal(err)
		}
		list = append(list, is)
	}
	v, err := verify.New(verify.Config{Trust: p.Trust(), Status: p.Status(b), Policy: policy(3), Now: func() time.Time { return p.Now }})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		for item := range scan.Packages(context.Background(), scan.Config{Packages: list, Records: os.DirFS(dir), Judge: v}) {
			if item.State == scan.Valid {
				n++
			}
		}
		if n != packages {
			b.Fatal(n, "valid")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/packages, "µs/package")
}
