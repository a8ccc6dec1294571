// Package format answers: where in this file does its signature sit, and which
// bytes are signed? Format is the interface behind which each way of signing stands.
//
// # Kinds
//
// The content decides, never the name. A file that begins with the ar magic
// "!<arch>\n" and whose first member is called "debian-binary" is a Debian
// package (Deb); "MZ" with a PE header is a Windows program (PE), "MSCF" a cabinet (CAB),
// a compound file with an installer package's class ID one of those (MSI), a ZIP file
// with META-INF/MANIFEST.MF a Java archive (JAR); every other file is Detached.
//
//   - Detached: FILE.p7s beside FILE, a DER ContentInfo. Signed are all bytes of FILE.
//
//   - Deb: the same ContentInfo as the last ar member, "_hallmark.p7s". Signed are
//     exactly the bytes before that member's 60-byte header: the unsigned package,
//     padding included. dpkg skips members whose name begins with "_", deb(5).
//
//   - PE, CAB, MSI: Authenticode, a CMS around SpcIndirectDataContent, in the program's
//     certificate table, behind the cabinet, or in the stream "\x05DigitalSignature".
//     Signed is the digest that Windows takes of the content; an MSI always has
//     "\x05MsiDigitalSignatureEx", with which its names, sizes and times are signed too.
//
//   - JAR: META-INF/HALLMARK.SF with META-INF/HALLMARK.EC or .RSA. Signed is the .SF.
//
// Where a signature is inside the file, no other file may be found in it: no ZIP archive by
// its end, no cabinet by its beginning, nothing that PyInstaller would run. Nobody signed
// that, and the file would be another one, under another name or for itself.
//
// The last four change the file's own bytes, and sign something else than its SHA-256:
// Digests has both. docs/decisions/0023-formats-that-sign-another-hash.md says how the
// two are held together.
//
// # The signature file of a JAR
//
// It follows from the manifest: lines end in CR LF and have at most 72 bytes, digests are
// base64 of SHA-256.
//
//	Signature-Version: 1.0
//	Created-By: hallmark
//	SHA-256-Digest-Manifest: the whole manifest's
//	SHA-256-Digest-Manifest-Main-Attributes: its first section's, with the empty line
//
// and for each further section of the manifest, in its order, "Name" and
// "SHA-256-Digest" of that section. The manifest itself is the old one, in CR LF, with a
// "SHA-256-Digest" for every entry; entries that it did not name follow in the order of
// the archive's directory.
//
// # The member
//
// Its header is not under the signature, so it has one form only and anything
// else is refused:
//
//	name  "_hallmark.p7s   "  16 bytes
//	mtime "0           "      12
//	uid   "0     "             6
//	gid   "0     "             6
//	mode  "100644  "           8
//	size  decimal             10, left-justified, no leading zero
//	end   "`\n"                2
//
// then the signature, then one "\n" if its size is odd, then the end of the file.
// A file therefore has at most one signed form for a given signature: reading and
// writing again gives the same bytes.
//
// # Limits
//
// A signature has at most 1 MiB, a package at most 64 members. Memory does not
// grow with the file: headers are read one at a time, the digest is streamed.
//
// # Which file is meant
//
// Only regular files are read; a device, FIFO, socket or directory is refused
// before it is opened and again after. Symbolic links are followed when reading,
// because package pools are full of them, and FILE.p7s is looked for beside the
// name that was given, not beside the link's target. The file is opened once:
// a package's digest and signature come from the same descriptor, and a file that
// changes meanwhile is refused. Writing refuses a symbolic link, since the rename
// would silently replace the link by a file.
package format
