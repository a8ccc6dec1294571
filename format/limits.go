package format

const (
	// MaxSignatureBytes bounds a signature. A CMS with chain, timestamp and a
	// staple of one VSA, some receipts and a 64 KiB CRL has about 90 KiB; ten
	// times that leaves room for several CRLs.
	MaxSignatureBytes = 1 << 20

	// maxMembers bounds the ar members of a package. deb(5) knows three, and
	// other signers append a few; the rest is a guess.
	maxMembers = 64

	// maxControlMember bounds a package's compressed control member. Checksums of its files
	// are most of it; the largest in Debian have 3 MB.
	maxControlMember = 8 << 20

	// maxControlTar bounds what it unpacks to; the largest in Debian have some 10 MB.
	maxControlTar = 32 << 20

	// maxControlFile bounds the file "control" in it; long descriptions and lists of
	// dependencies reach 100 KB.
	maxControlFile = 1 << 20

	// maxDictionary bounds what a control member may ask for to unpack it: what xz -9 does.
	maxDictionary = 64 << 20

	// maxPackageName and maxVersion bound a package's name and version; file names with
	// both in them have to fit into 255 bytes.
	maxPackageName = 200
	maxVersion     = 200

	// copyBufferBytes is the read size for digests and copies. From 32 KiB on SHA-256 and the
	// kernel's copying take the time, not the calls; each page of it is a fault more in a
	// short process.
	copyBufferBytes = 64 << 10

	// maxPEBytes is as far as a certificate table can be pointed to.
	maxPEBytes = 1<<32 - 1 - MaxSignatureBytes

	// maxCompoundBytes is what Windows Installer takes of a package, 2 GiB. The tables of
	// one have 16 MiB.
	maxCompoundBytes = 2 << 30

	// maxCompoundEntries bounds the streams and storages of a package. Large installers
	// have some thousand; the rest is a guess.
	maxCompoundEntries = 1 << 16

	// maxSpans bounds the pieces that a package's streams lie in. Each stream is one where
	// nothing was rewritten; the rest is a guess.
	maxSpans = 1 << 17

	// hiddenStep is how much is read at once of what is not signed: all of a signature.
	hiddenStep = MaxSignatureBytes + 64

	// maxStorageDepth bounds how deep storages nest; packages in packages reach 3.
	maxStorageDepth = 32

	// maxZIPDirectory bounds an archive's central directory: 65,534 entries with names of
	// 200 bytes. It is read at once.
	maxZIPDirectory = 16 << 20

	// maxManifestBytes bounds a JAR's manifest and its signature file, which grow with the
	// number of entries. Java stops at 16 MB.
	maxManifestBytes = 16_000_000

	// maxManifestLine bounds a line. The specification says 72 bytes; older tools wrote
	// longer ones, which Java reads up to 512.
	maxManifestLine = 512

	// maxManifestAttributes bounds a section's attributes. OSGi's main sections have some
	// thirty.
	maxManifestAttributes = 256

	// maxManifestSections bounds the sections, of which an archive without ZIP64 needs one for
	// each of 65,534 entries, and some for its folders.
	maxManifestSections = 1 << 17

	// maxEntryName bounds the name of an archive's entry: what a ZIP can hold, less what
	// a manifest's line adds.
	maxEntryName = 65535 - 16

	// maxJARContent bounds what an archive's entries may unpack to. A bomb of 4 MB unpacks
	// to as much; hashing it takes seconds.
	maxJARContent = 8 << 30
)
