// Package install answers: how does the package manager of this machine come to ask the
// verifier, and what exactly is it told?
//
// Two programs of Debian ask. apt asks once for a whole transaction, before anything is
// unpacked, through DPkg::Pre-Install-Pkgs (apt.conf(5)); dpkg asks for each package right
// before it unpacks it, by running a program named debsig-verify (dpkg(1), --no-debsig).
// ForApt and ForDpkg put us into these places and take us out again; ParseTransaction
// reads what apt says; Gate judges what they ask about.
//
// # What apt says
//
// Version 3 of its protocol is text. Every byte of it may come from a repository or from
// the name of a file, so it is read strictly, and a transaction with one odd line is
// refused as a whole:
//
//	VERSION 3
//	APT::Architecture=amd64         settings, KEY=VALUE, %-quoted printable ASCII
//	                                an empty line
//	hello 1.0 amd64 none < 1.1 amd64 none /var/cache/apt/archives/hello_1.1_amd64.deb
//	hello 1.0 amd64 none < 1.1 amd64 none **CONFIGURE**
//	bye 2.0 amd64 none > - - none **REMOVE**
//
// A line has nine fields with one space between them: the package, what is installed
// (version, architecture, multi-arch), how the two compare, what will be, and a file or
// what happens otherwise. Only the file may contain spaces. No field may contain control
// characters, so none can write a line of its own.
//
// # What is verified is what is unpacked
//
// apt and dpkg are told names of files and open them again afterwards. So a verdict is
// about the file's name as much as its content, and holds only where nobody but root can
// put another file there: CheckPath looks at each folder and link on the way. A file that
// somebody else could replace or change is refused (verify.FileReplaceable), whatever is
// in it at the moment.
package install
