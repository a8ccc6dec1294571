package installed

// Bounds on what is read. The files belong to root, but a root folder that is scanned
// from outside belongs to whoever built it.
const (
	// maxName bounds a package's name: the longest in Debian has 81 letters, and name and
	// architecture must fit into a file name of 255.
	maxName = 160
	// maxVersion bounds a version; the longest in Debian has 60 letters.
	maxVersion = 128
	// maxArchitecture bounds an architecture's name; Debian's longest has 17 letters.
	maxArchitecture = 32
	// maxInstallations bounds how many installations of one package are kept: one that
	// failed, the one before it, and two more for whoever looks back after an incident.
	maxInstallations = 4
	// maxSignature is what package format allows a signature, 1 MiB; ours have 10 KiB.
	maxSignature = 1 << 20
	// maxHistory bounds a file: maxInstallations of the largest signatures, in base64.
	maxHistory = 6 << 20
	// maxCodes bounds the reasons kept of a verdict; a dozen can come together.
	maxCodes = 64
	// maxCode bounds one of them.
	maxCode = 64
	// maxRecords bounds the files in the folder, like maxPackages.
	maxRecords = maxPackages
	// maxPackages bounds what a machine may have installed. All of Debian for one
	// architecture is 65,000 packages.
	maxPackages = 200_000
)

// Bounds on the package managers' own lists.
const (
	// maxLine bounds a line of dpkg's status file; the longest in Debian has 40 KiB.
	maxLine = 1 << 20
	// maxStatus bounds that file: all of Debian would make 90 MiB.
	maxStatus = 256 << 20
	// maxFields bounds the fields of one stanza; the most in Debian are 25.
	maxFields = 256
	// maxStanza bounds a package's file in status.d or in pacman's database. A stanza
	// of dpkg with all its configuration files has 20 KiB.
	maxStanza = 4 << 20
	// maxQuery bounds what rpm prints: 100 bytes for a package are usual.
	maxQuery = maxPackages * (maxName + maxVersion + maxArchitecture)
)
