package install

const (
	// maxTransactionBytes bounds what apt says. Its settings take 20 KiB; two lines of
	// 200 bytes for each of Debian's 65,000 packages are 26 MB.
	maxTransactionBytes = 32 << 20
	// maxSettings bounds the settings; a desktop's apt has some 400.
	maxSettings = 16384
	// maxChanges bounds the lines about packages: each is unpacked and configured.
	maxChanges = 131072
	// maxFieldBytes bounds a name, a version or an architecture. dpkg has no bound; Debian's
	// longest name has 75 characters, its longest version 60.
	maxFieldBytes = 256
	// maxPathBytes is PATH_MAX of Linux.
	maxPathBytes = 4096
	// maxLinks is how many symbolic links the kernel follows in one path, path_resolution(7).
	maxLinks = 40
	// maxWorkers bounds how many packages are read at once: each costs a read buffer, and
	// disks do not get faster beyond this. A guess.
	maxWorkers = 16
	// maxConfigBytes bounds a configuration file of dpkg or apt, and a file of ours.
	maxConfigBytes = 1 << 20
	// maxScriptBytes is more than a script of ours has; our mark stands at its beginning.
	maxScriptBytes = 4096
	// maxConfigFiles bounds the files in dpkg.cfg.d; packages put two or three there.
	maxConfigFiles = 1024
)

// Bounds of package managers other than Debian's.
const (
	// maxCommandLine bounds pacman's command line: Linux takes 2 MiB by default.
	maxCommandLine = 8 << 20
	// maxDatabase bounds the unpacked database of a repository; Arch's largest has 60 MB.
	maxDatabase = 1 << 30
	// maxDesc bounds the entry of one package there; the largest have 20 KiB.
	maxDesc = 1 << 20
	// maxWindow bounds the memory that a zstd stream may ask for: what its level 20 does, with
	// which Arch packs.
	maxWindow = 32 << 20
	// maxBeforeInfo bounds what of a package of pacman's is unpacked to find its .PKGINFO,
	// which makepkg puts first; files with lists of the others stand around it.
	maxBeforeInfo = 64 << 20
	// maxDetached bounds the files of one transaction.
	maxDetached = maxChanges
)
