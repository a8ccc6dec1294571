package main

import (
	"archive/zip"
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/test/sample"
	"github.com/hallmark-pki/hallmark/verify"
)

func program() []byte   { return sample.Program([]byte("hello")) }
func cabinet() []byte   { return sample.Cabinet([]byte("hello")) }
func archive() []byte   { return sample.Archive([]byte("hello")) }
func installer() []byte { return sample.Installer([]byte("hello")) }

func nestedSignature() asn1.ObjectIdentifier { return ext.SPCNestedSignature() }

// containers are packages whose bytes are not those that were signed.
func containers() []sketch {
	after, broken := wants(verify.DataAfterSignature), wants(verify.ContainerMalformed)
	changed := wants(verify.DigestMismatch)
	member := func(b []byte) []byte { return b[bytes.IndexByte(b, '_'):] } // the signature's, header and all
	return []sketch{
		{"deb/unsigned", []int{1}, wants(verify.Unsigned), "a package without a signature", func(m *maker) { m.artifact("package.deb", content(), nil) }},
		{"deb/detached-beside", []int{1, 9}, wants(verify.Unsigned), "a package whose signature stands beside it, where none is looked for", func(m *maker) {
			m.artifact("package.deb", content(), nil)
			m.save(filepath.Join(m.dir, "package.deb"+format.Suffix), m.p.Sign(m, digest()))
		}},
		{"deb/byte-appended", []int{9}, after, "a byte behind the signature", rewrite(func(b []byte) []byte { return append(b, 0) })},
		{"deb/member-appended", []int{9}, after, "members behind the signature", rewrite(func(b []byte) []byte { return append(b, pki.Deb(nil)[8:]...) })},
		{"deb/member-before", []int{9}, changed, "a member added before the signature", rewrite(func(b []byte) []byte {
			i := bytes.IndexByte(b, '_')
			return bytes.Join([][]byte{b[:i], debMember("data.tar.xz", "evil"), b[i:]}, nil)
		})},
		{"deb/control-renamed", []int{9}, changed, "control.tar renamed", rewrite(func(b []byte) []byte {
			return bytes.Replace(b, []byte("control.tar "), []byte("control.tax "), 1)
		})},
		{"deb/control-twice", []int{9}, changed, "a second control.tar in front of the first", rewrite(func(b []byte) []byte {
			i := bytes.Index(b, []byte("control.tar"))
			return bytes.Join([][]byte{b[:i], debMember("control.tar", "evil"), b[i:]}, nil)
		})},
		{"deb/signature-twice", []int{9}, wants(verify.TwoSignatures), "the signature twice", rewrite(func(b []byte) []byte { return append(b, member(b)...) })},
		{"deb/byte", []int{9}, changed, "a byte of the package changed", rewrite(func(b []byte) []byte { b[68] ^= 1; return b })},
		{"deb/header-byte", []int{9}, wants(verify.ContainerMalformed), "a byte of the signature's header changed", rewrite(func(b []byte) []byte { b[bytes.IndexByte(b, '_')+20] = '1'; return b })},
		{"deb/archive-hidden", []int{9, 11}, wants(verify.UnsignedContent), "an archive in the signature, by which the package is another file for Java", func(m *maker) {
			sign(func(_ *maker, c *pki.CMS) {
				c.Staple.VSA = bytes.Replace(archive(), []byte("PK\x05\x06"), []byte("QK\x05\x06"), 1)
			})(m)
			m.change(func(b []byte) []byte { return bytes.Replace(b, []byte("QK\x05\x06"), []byte("PK\x05\x06"), 1) })
		}},
		{"deb/cut-off", []int{5}, broken, "the end is missing", rewrite(func(b []byte) []byte { return b[:len(b)-2] })},
		{"deb/member-length", []int{5}, broken, "a member longer than the file", rewrite(func(b []byte) []byte {
			return bytes.Replace(b, []byte("4         `\n2.0"), []byte("999999999 `\n2.0"), 1)
		})},
		{"deb/member-length-negative", []int{5}, broken, "a member of negative length", rewrite(func(b []byte) []byte {
			return bytes.Replace(b, []byte("4         `\n2.0"), []byte("-4        `\n2.0"), 1)
		})},
		{"deb/slash-name", []int{12}, changed, "a member called ../../x", rewrite(func(b []byte) []byte {
			i := bytes.IndexByte(b, '_')
			return bytes.Join([][]byte{b[:i], debMember("../../x", "evil"), b[i:]}, nil)
		})},
		{"deb/prefix", []int{9}, wants(verify.Unsigned), "something in front of the package: another format, and no signature beside it", rewrite(func(b []byte) []byte {
			return append([]byte("#!/bin/sh\n"), b...)
		})},
		{"detached/unsigned", []int{1}, wants(verify.Unsigned), "a file without a signature beside it", func(m *maker) { m.artifact("tool.tar", []byte("anything"), nil) }},
		{"detached/appended", []int{9}, changed, "a byte behind the file", func(m *maker) {
			m.artifact("tool.tar", []byte("anything"), func(d [32]byte) []byte { return m.p.Sign(m, d) })
			m.change(func(b []byte) []byte { return append(b, 0) })
		}},
		{"detached/empty-signature", []int{5}, broken, "an empty file as signature", func(m *maker) {
			m.artifact("tool.tar", []byte("anything"), nil)
			m.save(filepath.Join(m.dir, "tool.tar"+format.Suffix), nil)
		}},
		{"file/absent", []int{5}, wants(verify.FileUnreadable), "no such file", func(m *maker) { m.deb(); m.file = "absent.deb" }},
		{"file/folder", []int{5}, wants(verify.FileUnreadable), "a folder that is no image", func(m *maker) {
			m.save(filepath.Join(m.dir, "folder", "readme"), []byte("x"))
			m.file = "folder"
		}},
	}
}

func le32(b []byte, at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }

func put32(b []byte, at, v int) { binary.LittleEndian.PutUint32(b[at:], uint32(v)) }

// peDirectory is the offset of the certificate table's directory of a 32-bit program.
func peDirectory(raw []byte) int { return le32(raw, 0x3c) + 24 + 128 }

// windows are programs and cabinets with something in them that the signature does not see.
func windows() []sketch {
	pe := func(f func([]byte) []byte) func(*maker) {
		return func(m *maker) { m.signFile("hello.exe", program()); m.change(f) }
	}
	cab := func(f func([]byte) []byte) func(*maker) {
		return func(m *maker) { m.signFile("hello.cab", cabinet()); m.change(f) }
	}
	changed, after, broken := wants(verify.DigestMismatch), wants(verify.DataAfterSignature), wants(verify.ContainerMalformed)
	return []sketch{
		{"pe/overlay", []int{9}, after, "an overlay behind the signature", pe(func(b []byte) []byte { return append(b, "overlay."...) })},
		{"pe/hidden-in-table", []int{9}, after, "something hidden behind the signature in its field", pe(func(b []byte) []byte {
			at, n := le32(b, peDirectory(b)), le32(b, peDirectory(b)+4)
			put32(b, peDirectory(b)+4, n+8)
			put32(b, at, n+8)
			return append(b, "hidden.."...)
		})},
		{"pe/code", []int{9}, changed, "code changed", pe(func(b []byte) []byte { b[0x203] ^= 1; return b })},
		{"pe/header", []int{9}, changed, "a header changed", pe(func(b []byte) []byte { b[2] ^= 1; return b })},
		{"pe/second-certificate", []int{6, 9}, wants(verify.TwoSignatures), "a second certificate in the table", pe(func(b []byte) []byte {
			at, n := le32(b, peDirectory(b)), le32(b, peDirectory(b)+4)
			put32(b, peDirectory(b)+4, 2*n)
			return append(b, b[at:at+n]...)
		})},
		{"pe/cut-off", []int{5}, broken, "the end is missing", pe(func(b []byte) []byte { return b[:len(b)-1] })},
		{"pe/timestamp-of-cms", []int{1}, wants(verify.TimestampMissing), "the timestamp where CMS has it, not Authenticode", func(m *maker) {
			m.signFile("hello.exe", program(), func(c *pki.CMS) { c.TokenType = pki.OIDToken })
		}},
		{"pe/content-of-a-cabinet", []int{2, 10}, wants(verify.SignatureMalformed), "what is signed for a cabinet", func(m *maker) {
			m.signFile("hello.exe", program(), func(c *pki.CMS) { m.put(c, format.CAB) })
		}},
		{"pe/another-program", []int{2}, changed, "the signature of another program", func(m *maker) {
			m.signFile("hello.exe", program(), func(c *pki.CMS) { m.put(c, format.PE) })
		}},
		{"cab/content", []int{9}, changed, "content changed", cab(func(b []byte) []byte { b[le32(b, 8)-1] ^= 1; return b })},
		{"cab/appended", []int{9}, after, "a byte behind the signature", cab(func(b []byte) []byte { return append(b, 0) })},
		{"cab/reserved", []int{9}, broken, "a reserved field set", cab(func(b []byte) []byte { b[4] = 1; return b })},
		{"cab/content-elsewhere", []int{9}, broken, "the reserved area points elsewhere", cab(func(b []byte) []byte { b[44] ^= 8; return b })},
	}
}

// utf16 is a name as a compound file's directory has it.
func utf16(s string) []byte {
	var out []byte
	for _, c := range s {
		out = append(out, byte(c), 0)
	}
	return out
}

// installers are installer packages with something in them that the signature does not see.
func installers() []sketch {
	// at changes the directory entry of a stream.
	at := func(name string, f func(entry []byte)) func(*maker) {
		return func(m *maker) {
			m.signFile("hello.msi", installer())
			m.change(func(b []byte) []byte {
				i := bytes.Index(b, append(utf16(name), 0, 0))
				if i < 0 {
					m.Fatalf("no stream %q", name)
				}
				f(b[i : i+128])
				return b
			})
		}
	}
	msi := func(f func([]byte) []byte) func(*maker) {
		return func(m *maker) { m.signFile("hello.msi", installer()); m.change(f) }
	}
	const ours = "\x05MsiDigitalSignatureEx"
	return []sketch{
		{"msi/content", []int{9}, wants(verify.DigestMismatch), "a stream's content changed", msi(func(b []byte) []byte {
			i := bytes.Index(b, []byte("hello\x00\x00"))
			b[i] ^= 1
			return b
		})},
		{"msi/stream-renamed", []int{9}, wants(verify.UnsignedContent), "a stream renamed", at("Payload", func(e []byte) { e[0] = 'Q' })},
		{"msi/stream-time", []int{9}, wants(verify.UnsignedContent), "a stream's time changed", at("Payload", func(e []byte) { e[108] ^= 1 })},
		{"msi/names-digest-renamed", []int{1, 9}, wants(verify.UnsignedContent), "the digest of names and times is called otherwise", at(ours, func(e []byte) { e[2] = 'X' })},
		{"msi/shared-sector", []int{9}, wants(verify.ContainerMalformed), "two streams share their sectors", at("Payload", func(e []byte) { put32(e, 116, 1) })},
		{"msi/appended", []int{9}, wants(verify.DataAfterSignature), "a sector behind the last one", msi(func(b []byte) []byte { return append(b, make([]byte, 512)...) })},
		{"msi/another-package", []int{2}, wants(verify.DigestMismatch), "the signature of another package", func(m *maker) {
			m.signFile("hello.msi", installer(), func(c *pki.CMS) { m.put(c, format.MSI) })
		}},
	}
}

// put makes the content that of another file of a kind.
func (m *maker) put(c *pki.CMS, kind format.Kind) {
	m.Helper()
	f, err := format.Find(format.Files(), kind)
	if err != nil {
		m.Fatal(err)
	}
	tbs, err := f.ToBeSigned([32]byte{1})
	if err != nil {
		m.Fatal(err)
	}
	c.Content, c.ContentType = tbs.Content, tbs.ContentType
	c.Replace(pki.OIDContentType, pki.DER(m, tbs.ContentType))
	c.Replace(pki.OIDMessageDigest, pki.DER(m, tbs.Digest[:]))
}

// rezip writes an archive anew with its entries changed; an empty name leaves one out.
func rezip(m *maker, raw []byte, change func(name string, content []byte) (string, []byte), more ...string) []byte {
	m.Helper()
	in, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		m.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, content []byte) {
		if name == "" {
			return
		}
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			m.Fatal(err)
		}
	}
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			m.Fatal(err)
		}
		var content bytes.Buffer
		if _, err := content.ReadFrom(r); err != nil {
			m.Fatal(err)
		}
		add(change(f.Name, content.Bytes()))
	}
	for _, name := range more {
		add(name, []byte("more"))
	}
	if err := w.Close(); err != nil {
		m.Fatal(err)
	}
	return out.Bytes()
}

func archives() []sketch {
	jar := func(change func(string, []byte) (string, []byte), more ...string) func(*maker) {
		return func(m *maker) {
			m.signFile("hello.jar", archive())
			m.change(func(b []byte) []byte { return rezip(m, b, change, more...) })
		}
	}
	same := func(name string, b []byte) (string, []byte) { return name, b }
	only := func(suffix string, f func([]byte) []byte) func(*maker) {
		return jar(func(name string, b []byte) (string, []byte) {
			if strings.HasSuffix(name, suffix) {
				b = f(b)
			}
			return name, b
		})
	}
	without := func(suffix string) func(*maker) {
		return jar(func(name string, b []byte) (string, []byte) {
			if strings.HasSuffix(name, suffix) {
				name = ""
			}
			return name, b
		})
	}
	changed, unsigned, broken := wants(verify.DigestMismatch), wants(verify.UnsignedContent), wants(verify.ContainerMalformed)
	zeros := func(n int) func([]byte) []byte { return func([]byte) []byte { return make([]byte, n) } }
	return []sketch{
		{"jar/entry-changed", []int{9}, changed, "an entry changed", only("hello.txt", func(b []byte) []byte { b[0] ^= 1; return b })},
		{"jar/entry-removed", []int{9}, changed, "an entry removed", without("hello.txt")},
		{"jar/entry-added", []int{9}, unsigned, "an entry added", jar(same, "evil.txt")},
		{"jar/entry-in-meta-inf", []int{9}, unsigned, "an entry added to META-INF", jar(same, "META-INF/services/evil")},
		{"jar/entry-twice", []int{9}, broken, "an entry twice", jar(same, "hello.txt")},
		{"jar/entry-other-case", []int{9, 11}, unsigned, "an entry whose name differs by case", jar(same, "HELLO.TXT")},
		{"jar/manifest", []int{9}, changed, "the manifest changed", only("MANIFEST.MF", func(b []byte) []byte { return append(b, "Name: other\r\n\r\n"...) })},
		{"jar/class-path", []int{9}, changed, "a class path added to the manifest", only("MANIFEST.MF", func(b []byte) []byte {
			return bytes.Replace(b, []byte("Manifest-Version: 1.0\r\n"), []byte("Manifest-Version: 1.0\r\nClass-Path: evil.jar\r\n"), 1)
		})},
		{"jar/second-signature", []int{6, 9}, wants(verify.TwoSignatures), "a second signature", jar(same, "META-INF/OTHER.SF", "META-INF/OTHER.RSA")},
		{"jar/second-block", []int{6, 9}, wants(verify.TwoSignatures), "a second block for the signature file", jar(same, "META-INF/HALLMARK.RSA")},
		{"jar/no-signature-file", []int{1}, broken, "the signature file is missing", without("HALLMARK.SF")},
		{"jar/no-block", []int{1}, broken, "the block is missing", without("HALLMARK.EC")},
		{"jar/comment", []int{9}, wants(verify.DataAfterSignature), "a comment behind the archive", func(m *maker) {
			m.signFile("hello.jar", archive())
			m.change(func(b []byte) []byte {
				b[len(b)-2] = 4
				return append(b, "evil"...)
			})
		}},
		{"jar/entry-comment", []int{9}, unsigned, "a comment of the last entry, where another directory could stand", func(m *maker) {
			m.signFile("hello.jar", archive())
			m.change(func(b []byte) []byte {
				end := len(b) - 22
				b[bytes.LastIndex(b, []byte("PK\x01\x02"))+32] = 4
				put32(b, end+12, le32(b, end+12)+4)
				return bytes.Join([][]byte{b[:end], []byte("evil"), b[end:]}, nil)
			})
		}},
		{"jar/gap", []int{9}, broken, "something between the entries and their directory", func(m *maker) {
			m.signFile("hello.jar", archive())
			m.change(func(b []byte) []byte {
				end := len(b) - 22
				at := le32(b, end+16)
				put32(b, end+16, at+4)
				return bytes.Join([][]byte{b[:at], []byte("evil"), b[at:]}, nil)
			})
		}},
		{"path/jar-parent", []int{12}, unsigned, "an entry called ../evil", jar(same, "../evil")},
		{"path/jar-absolute", []int{12}, unsigned, "an entry called /etc/evil", jar(same, "/etc/evil")},
		{"path/jar-backslash", []int{12}, unsigned, "an entry called ..\\evil", jar(same, "..\\evil")},
		{"bomb/jar-manifest", []int{15}, broken, "a manifest that unpacks to 17 MB", only("MANIFEST.MF", zeros(17_000_000))},
		{"bomb/jar-signature-file", []int{15}, broken, "a signature file that unpacks to 17 MB", only("HALLMARK.SF", zeros(17_000_000))},
		{"bomb/jar-block", []int{15}, wants(verify.SignatureTooLarge), "a block that unpacks to 2 MB", only("HALLMARK.EC", zeros(2<<20))},
		{"bomb/jar-declared", []int{15}, broken, "entries that say they unpack to 12 GB", func(m *maker) {
			m.signFile("hello.jar", archive())
			m.change(func(b []byte) []byte {
				b = rezip(m, b, same, "a", "b", "c")
				return declare(b, 0xfffffffe)
			})
		}},
	}
}

// declare writes a size into the headers of the entries that hold "more".
func declare(b []byte, size int) []byte {
	for i := 0; i+46 < len(b); i++ {
		if string(b[i:i+4]) == "PK\x01\x02" && le32(b, i+24) == 4 {
			put32(b, i+24, size)
		}
	}
	return b
}
