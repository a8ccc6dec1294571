package ext_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/hallmark-pki/hallmark/ext"
)

// Reading what a certificate says. Its chain must have been verified first.
func ExampleArc_ReadMark() {
	text, _ := os.ReadFile("testdata/leaf.pem")
	block, _ := pem.Decode(text)
	cert, _ := x509.ParseCertificate(block.Bytes)

	mark, err := ext.DefaultArc().ReadMark(cert)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, claim := range mark.Assurance.Claims {
		fmt.Println(claim.Framework, claim.Track, claim.Level, claim.LevelID)
	}
	artifact := sha256.Sum256([]byte("the bytes of a package"))
	fmt.Println(ext.EvidenceURL(mark.Repository.URLs[0], artifact)[:54])
	// Output:
	// https://slsa.dev/spec/v0.1/ slsa 3 SLSA_LEVEL_3
	// https://attest.example.com/acme/sha256/96/96cd7e5760a4
}

// Telling a certificate without a mark from one with a bad mark.
func ExampleParseError() {
	text, _ := os.ReadFile("testdata/root.pem")
	block, _ := pem.Decode(text)
	cert, _ := x509.ParseCertificate(block.Bytes)

	_, err := ext.DefaultArc().ReadMark(cert)
	var refused *ext.ParseError
	if errors.As(err, &refused) && refused.Reason == ext.ReasonAbsent {
		fmt.Println("no mark:", refused.Field)
	}
	// Output:
	// no mark: assurance
}

// The policy to ask openssl verify for.
func ExampleArc_Policy() {
	policy, _ := ext.DefaultArc().Policy("https://slsa.dev/spec/v0.1/", "slsa", 3)
	fmt.Println(policy)
	// Output:
	// 1.2.840.113556.1.8000.2554.61417.43560.31761.19513.33402.14416916.15917244.3.104579172.64405497.150259929.3
}
