package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// rules are policies with rules for packages and vendors.
func rules() []sketch {
	const level4 = "require: [{framework: slsa-v0.1, level: 4}]"
	with := func(rule string) string { return policyWith("rules:\n  - " + rule + "\n") }
	// hello is a package of that name, signed at level 3.
	hello := func(policy string) func(*maker) {
		return func(m *maker) {
			m.artifact("hello.deb", pki.Package(m, "hello", "2.10-3", "amd64", []byte("payload")), func(d [32]byte) []byte { return m.p.Sign(m, d) })
			m.policy = policy
		}
	}
	// low is the same at level 2, and the policy wants 3.
	low := func(policy string) func(*maker) {
		return func(m *maker) {
			signer := m.p.NewLeaf(m, m.p.High, m.p.Claims(2))
			m.artifact("hello.deb", pki.Package(m, "hello", "2.10-3", "amd64", []byte("payload")), func(d [32]byte) []byte { return m.p.SignAs(m, signer, d) })
			m.policy = policy
		}
	}
	const level2 = "require: [{framework: slsa-v0.1, level: 2}]"
	unmet, unreadable := wants(verify.RequirementUnmet), wants(verify.PackageUnreadable)
	return []sketch{
		{"rule/package", []int{11}, unmet, "a rule for the package demands more", hello(with("{package: hello, " + level4 + "}"))},
		{"rule/package-beginning", []int{11}, unmet, "a rule for the beginning of its name demands more", hello(with("{package: hel*, " + level4 + "}"))},
		{"rule/every-package", []int{11}, unmet, "a rule for every package demands more", hello(with("{package: '*', " + level4 + "}"))},
		{"rule/vendor", []int{11}, unmet, "a rule for the vendor demands more", hello(with("{vendor: " + pki.Vendor + ", " + level4 + "}"))},
		{"rule/first-counts", []int{11}, unmet, "of two rules that fit the first one counts", hello(policyWith("rules:\n  - {package: hello, " + level4 + "}\n  - {package: hello, " + level2 + "}\n"))},
		{"rule/another-package", []int{11}, unmet, "a rule for another package demands less", low(with("{package: hell, " + level2 + "}"))},
		{"rule/another-vendor", []int{11}, unmet, "a rule for the package of another vendor demands less", low(with("{package: hello, vendor: 'https://other.example.com', " + level2 + "}"))},
		{"rule/longer-beginning", []int{11}, unmet, "a rule for a longer beginning demands less", low(with("{package: 'hello-*', " + level2 + "}"))},
		{"rule/no-package", []int{11}, unmet, "a rule for every package is not for what is none", func(m *maker) {
			signer := m.p.NewLeaf(m, m.p.High, m.p.Claims(2))
			m.artifact("tool.tar", []byte("anything"), func(d [32]byte) []byte { return m.p.SignAs(m, signer, d) })
			m.policy = with("{package: '*', " + level2 + "}")
		}},
		{"rule/stranger", []int{2, 11}, wants(verify.ChainUntrusted), "another CA's certificate with the name of a vendor who has a rule", func(m *maker) {
			m.debBy(m.q.Leaf)
			m.policy = with("{vendor: " + pki.Vendor + ", " + level2 + "}")
		}},
		{"rule/timestamp", []int{1, 11}, wants(verify.TimestampMissing), "a rule for the package demands a timestamp", func(m *maker) {
			hello(with("{package: hello, timestamp: required}"))(m)
			m.artifact("hello.deb", pki.Package(m, "hello", "2.10-3", "amd64", []byte("payload")), func(d [32]byte) []byte {
				return m.p.Sign(m, d, func(c *pki.CMS) { c.Token = nil })
			})
		}},
		{"rule/fits", nil, nil, "a rule for package and vendor demands less", low(with("{package: hello, vendor: '" + pki.Vendor + "', " + level2 + "}"))},
		{"rule/fits-not", nil, nil, "a rule for another package demands more", hello(with("{package: hell, " + level4 + "}"))},

		{"package/no-tar", []int{5}, unreadable, "control.tar is none, and a rule asks for the name", func(m *maker) { m.deb(); m.policy = with("{package: hello, " + level2 + "}") }},
		{"package/name-newline", []int{22}, unreadable, "a name that is two lines", named(with("{package: hello, "+level2+"}"), "Package: hello\n\thello\nVersion: 1\nArchitecture: all\n")},
		{"package/name-escape", []int{22}, unreadable, "a name with an escape sequence", named(with("{package: hello, "+level2+"}"), "Package: hel\x1b[2Klo\nVersion: 1\nArchitecture: all\n")},
		{"package/name-path", []int{12}, unreadable, "a name that is a path", named(with("{package: hello, "+level2+"}"), "Package: ../hello\nVersion: 1\nArchitecture: all\n")},
		{"package/name-twice", []int{9, 11}, unreadable, "two names", named(with("{package: hello, "+level4+"}"), "Package: other\nPackage: hello\nVersion: 1\nArchitecture: all\n")},
		{"package/name-case", []int{11}, unreadable, "the name in capitals", named(with("{package: hello, "+level4+"}"), "Package: HELLO\nVersion: 1\nArchitecture: all\n")},
		{"package/no-name", []int{11}, unreadable, "no name", named(with("{package: hello, "+level4+"}"), "Version: 1\nArchitecture: all\n")},
		{"package/second-paragraph", []int{9}, unreadable, "a second paragraph with another name", named(with("{package: hello, "+level4+"}"), "Package: other\nVersion: 1\nArchitecture: all\n\nPackage: hello\n")},
		{"bomb/control-file", []int{15}, unreadable, "a control file that unpacks to 2 MB", control(with("{package: hello, "+level2+"}"), "control.tar.gz", func(m *maker) []byte {
			return gzipped(m, tarOf(m, "Package: hello\nVersion: 1\nArchitecture: all\nDescription: "+strings.Repeat("x", 2<<20)+"\n"))
		})},
		{"bomb/control-archive", []int{15}, unreadable, "an archive that unpacks to 100 MB", control(with("{package: hello, "+level2+"}"), "control.tar.zst", func(m *maker) []byte {
			w, err := zstd.NewWriter(nil)
			if err != nil {
				m.Fatal(err)
			}
			return w.EncodeAll(make([]byte, 100<<20), nil)
		})},
	}
}

// tarOf is an archive with one control file.
func tarOf(m *maker, text string) []byte {
	m.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "./control", Mode: 0o644, Size: int64(len(text))}); err != nil {
		m.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		m.Fatal(err)
	}
	if err := w.Close(); err != nil {
		m.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(m *maker, raw []byte) []byte {
	m.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		m.Fatal(err)
	}
	if err := w.Close(); err != nil {
		m.Fatal(err)
	}
	return b.Bytes()
}

// control is a well-signed package with this control archive.
func control(policy, member string, archive func(m *maker) []byte) func(*maker) {
	return func(m *maker) {
		raw := bytes.Join([][]byte{fmt.Appendf(nil, "!<arch>\n"), debMember("debian-binary", "2.0\n"), debMember(member, string(archive(m))), debMember("data.tar", "x")}, nil)
		m.artifact("package.deb", raw, func(d [32]byte) []byte { return m.p.Sign(m, d) })
		m.policy = policy
	}
}

// named is a well-signed package with this control file.
func named(policy, text string) func(*maker) {
	return control(policy, "control.tar", func(m *maker) []byte { return tarOf(m, text) })
}
