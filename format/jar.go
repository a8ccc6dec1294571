package format

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// jarFormat is Java's signed archive. The manifest has the digest of each entry, the
// signature file META-INF/HALLMARK.SF those of the manifest and its sections, and the
// CMS is over the signature file, which follows from the manifest and has one form.
type jarFormat struct{}

const (
	metaInf      = "META-INF/"
	manifestName = metaInf + "MANIFEST.MF"
	jarSigner    = metaInf + "HALLMARK" // and .SF, and .EC or .RSA
)

// jarFile is a checked archive.
type jarFile struct {
	a        *archive
	manifest *zip.File
	sf       *zip.File   // the signature file, nil without one
	block    *zip.File   // its CMS
	foreign  []*zip.File // other signatures
}

func (jarFormat) toBeSigned(digest [sha256.Size]byte) (ToBeSigned, error) {
	return DetachedCMS(digest), nil
}

// is: a ZIP file that begins with its META-INF folder, or that has a manifest elsewhere.
// Any other ZIP file, also one that cannot be read, is no JAR.
func (jarFormat) is(r io.ReaderAt, size int64) bool {
	var head [zipLocalBytes + len(metaInf)]byte
	if size < int64(len(head)) || readFullAt(r, head[:], 0) != nil || string(head[:4]) != zipLocal {
		return false
	}
	if strings.EqualFold(string(head[zipLocalBytes:]), metaInf) {
		return true
	}
	var a archive
	if _, err := a.readEnd(r, size); err != nil {
		return false
	}
	reader, err := zip.NewReader(r, size)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(reader.File, func(f *zip.File) bool { return f.Name == manifestName })
}

func (jarFormat) read(r io.ReaderAt, size int64) (body, error) {
	a, err := readArchive(r, size)
	if err != nil {
		return nil, err
	}
	j := &jarFile{a: a}
	for _, f := range a.files {
		if err := checkEntryName(f.Name); err != nil {
			return nil, err
		}
		switch {
		case f.Name == manifestName:
			j.manifest = f
		case f.Name == jarSigner+".SF":
			j.sf = f
		case f.Name == jarSigner+".EC" || f.Name == jarSigner+".RSA":
			if j.block != nil {
				return nil, refuse(TwoSignatures, -1, "%s and %s", j.block.Name, f.Name)
			}
			j.block = f
		case isSignatureFile(f.Name):
			j.foreign = append(j.foreign, f)
		}
	}
	return j, j.checkSignatureFiles()
}

// checkSignatureFiles demands that a signature of ours is whole and the only one.
func (j *jarFile) checkSignatureFiles() error {
	switch {
	case j.manifest == nil:
		return refuse(BadHeader, -1, "no %s", manifestName)
	case (j.sf == nil) != (j.block == nil):
		return refuse(SignatureHeader, -1, "one of the two files of a signature is missing")
	case j.sf != nil && len(j.foreign) > 0:
		return refuse(TwoSignatures, -1, "a second signature, in %.64q", j.foreign[0].Name)
	case j.sf != nil && j.a.behind > 0:
		return refuse(BytesAfterSignature, j.a.end, "a comment of %d bytes, which nothing signs", j.a.behind)
	case j.sf != nil && slices.ContainsFunc(j.a.files, func(f *zip.File) bool { return f.Comment != "" }):
		return refuse(UnsignedEntry, -1, "an entry has a comment, which nothing signs")
	case j.block != nil && j.block.UncompressedSize64 == 0:
		return refuse(SignatureEmpty, -1, "no bytes")
	case j.block != nil && j.block.UncompressedSize64 > MaxSignatureBytes:
		return refuse(SignatureTooLarge, -1, "%d bytes, at most %d", j.block.UncompressedSize64, MaxSignatureBytes)
	case j.sf != nil:
		return j.checkHidden()
	}
	return nil
}

// checkHidden refuses a signed archive in which another program finds another file than an
// archive: beside what the entries hold, which is signed, there are headers with extra fields
// and the signature.
func (j *jarFile) checkHidden() error {
	var signed spans
	for _, f := range j.a.files {
		if f == j.block {
			continue
		}
		at, err := f.DataOffset()
		if err == nil {
			err = signed.add(at, at+int64(f.CompressedSize64))
		}
		if err != nil {
			return entryError(f, err)
		}
	}
	others := slices.DeleteFunc(marks(), func(m mark) bool { return m.magic == zipEnd }) // its own end
	return signed.checkBetween(j.a.r, j.a.end, others)
}

// isSignatureFile reports what Java takes for part of a signature, and therefore does
// not demand to be signed.
func isSignatureFile(name string) bool {
	upper := strings.ToUpper(name)
	base, ok := strings.CutPrefix(upper, metaInf)
	if !ok || base == "" || strings.Contains(base, "/") {
		return false
	}
	for _, suffix := range []string{".SF", ".RSA", ".DSA", ".EC"} {
		if strings.HasSuffix(base, suffix) {
			return true
		}
	}
	return strings.HasPrefix(base, "SIG-") || base == "MANIFEST.MF"
}

// digest is the SHA-256 of the signature file that follows from manifest and entries. Of
// a signed archive, the manifest must have every entry's digest already, and the
// signature file must be the one that follows from it.
func (j *jarFile) digest() ([sha256.Size]byte, error) {
	m, err := j.signedManifest()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	sf := m.signatureFile()
	if j.sf != nil {
		stands, err := contentOf(j.sf, maxManifestBytes)
		if err != nil {
			return [sha256.Size]byte{}, err
		}
		if !bytes.Equal(stands, sf) {
			return [sha256.Size]byte{}, refuse(ContentMismatch, -1, "%s is not the signature file of this manifest", j.sf.Name)
		}
	}
	return sha256.Sum256(sf), nil
}

// signedManifest is the manifest with the digest of every entry.
func (j *jarFile) signedManifest() (*manifest, error) {
	raw, err := contentOf(j.manifest, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(raw)
	if err != nil {
		return nil, err
	}
	left, present := int64(maxJARContent), map[string]bool{}
	for _, f := range j.a.files {
		if isSignatureFile(f.Name) {
			continue
		}
		if strings.HasSuffix(f.Name, "/") {
			if f.UncompressedSize64 != 0 {
				return nil, refuse(UnsignedEntry, -1, "folder %.64q has content", f.Name)
			}
			if name := strings.TrimSuffix(f.Name, "/"); j.sf != nil && (!fs.ValidPath(name) || strings.Contains(name, "\\")) {
				return nil, refuse(UnsignedEntry, -1, "folder %.64q leads elsewhere, and nothing signs it", f.Name)
			}
			if err := checkFolder(f); err != nil {
				return nil, err
			}
			continue
		}
		if left -= int64(min(f.UncompressedSize64, maxJARContent+1)); left < 0 {
			return nil, refuse(TooLarge, -1, "more than %d bytes of content", int64(maxJARContent))
		}
		present[f.Name] = true
		h := sha256.New()
		if err := copyEntry(h, f); err != nil {
			return nil, err
		}
		if i, ok := m.byName[f.Name]; j.sf != nil && (!ok || m.sections[i].attribute(digestAttribute) == "") {
			return nil, refuse(UnsignedEntry, -1, "%.64q is not in the manifest", f.Name)
		}
		if err := m.state(f.Name, digestText(h)); err != nil {
			return nil, err
		}
	}
	for _, s := range m.sections {
		if s.attribute(digestAttribute) != "" && !present[s.name] && !strings.HasSuffix(s.name, "/") {
			return nil, refuse(ContentMismatch, -1, "%.64q is in the manifest, but not in the archive", s.name)
		}
	}
	if j.sf != nil && !bytes.Equal(m.bytes(), raw) {
		return nil, refuse(ContentMismatch, -1, "the manifest is not in the form that is signed")
	}
	return m, nil
}

func digestText(h hash.Hash) string { return base64.StdEncoding.EncodeToString(h.Sum(nil)) }

// contentOf returns an entry's content, at most limit bytes.
func contentOf(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return nil, refuse(TooLarge, -1, "%.64q of %d bytes, at most %d", f.Name, f.UncompressedSize64, limit)
	}
	var out bytes.Buffer
	err := copyEntry(&out, f)
	return out.Bytes(), err
}

// copyEntry copies an entry's content. The library stops at the size that the directory
// gives, and compares the checksum.
func copyEntry(w io.Writer, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return entryError(f, err)
	}
	defer r.Close()
	if _, err := io.Copy(w, r); err != nil {
		return entryError(f, err)
	}
	return nil
}

func entryError(f *zip.File, err error) error {
	var malformed *Error
	if errors.As(err, &malformed) {
		return err
	}
	return refuse(BadHeader, -1, "ZIP: %.64q: %v", f.Name, err)
}

func (j *jarFile) signature() ([]byte, error) {
	switch {
	case j.block != nil:
		return contentOf(j.block, MaxSignatureBytes)
	case len(j.foreign) > 0:
		return nil, refuse(ForeignSignature, -1, "%.64q", j.foreign[0].Name)
	}
	return nil, nil
}

// write writes the archive anew: the signature in front, where Java looks for it when it
// reads a stream, then all other entries as they are, not compressed again.
func (j *jarFile) write(dst *os.File, signature []byte) error {
	m, err := j.signedManifest()
	if err != nil {
		return err
	}
	w := zip.NewWriter(dst)
	for _, f := range j.a.files {
		if f.Name == metaInf {
			if err := keep(w, f); err != nil {
				return err
			}
		}
	}
	for _, e := range []struct {
		name    string
		content []byte
	}{{manifestName, m.bytes()}, {jarSigner + ".SF", m.signatureFile()}, {jarSigner + "." + blockSuffix(signature), signature}} {
		if err := j.store(w, e.name, e.content); err != nil {
			return err
		}
	}
	for _, f := range j.a.files {
		if f.Name == metaInf || isSignatureFile(f.Name) {
			continue
		}
		if err := keep(w, f); err != nil {
			return err
		}
	}
	return w.Close()
}

// keep copies an entry as it is, but for its comment and for folders that somebody compressed.
func keep(w *zip.Writer, f *zip.File) error {
	if !strings.HasSuffix(f.Name, "/") {
		bare := *f
		bare.Comment = ""
		return w.Copy(&bare)
	}
	_, err := w.CreateRaw(&zip.FileHeader{
		Name: f.Name, Method: zip.Store, Extra: f.Extra, ExternalAttrs: f.ExternalAttrs, CreatorVersion: f.CreatorVersion,
		ModifiedDate: f.ModifiedDate, ModifiedTime: f.ModifiedTime,
	})
	return err
}

// store writes an entry that is not compressed, with its sizes in front: Java takes no
// data descriptor behind such an entry. Its time is the old manifest's, so that the same
// signature gives the same archive.
func (j *jarFile) store(w *zip.Writer, name string, content []byte) error {
	size := uint64(len(content))
	entry, err := w.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(content), CompressedSize64: size, UncompressedSize64: size,
		ModifiedDate: j.manifest.ModifiedDate, ModifiedTime: j.manifest.ModifiedTime,
	})
	if err != nil {
		return err
	}
	_, err = entry.Write(content)
	return err
}
