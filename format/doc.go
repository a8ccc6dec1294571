// Package format answers: where in this file does its signature sit, and which
// bytes are signed?
//
// # Kinds
//
// The content decides, never the name. A file that begins with the ar magic
// "!<arch>\n" and whose first member is called "debian-binary" is a Debian
// package (Deb); every other file is Detached.
//
//   - Detached: FILE.p7s beside FILE, a DER ContentInfo. Signed are all bytes of FILE.
//   - Deb: the same ContentInfo as the last ar member, "_hallmark.p7s". Signed are
//     exactly the bytes before that member's 60-byte header: the unsigned package,
//     padding included. dpkg skips members whose name begins with "_", deb(5).
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
