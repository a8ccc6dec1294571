// Package installer has the real apt and dpkg install packages that are good, bad and
// hostile: does a machine that was told to ask hallmark-verify unpack only what it may?
//
// Each test has a machine of its own: a folder that bubblewrap makes the root of a mount
// and user namespace, with the programs and libraries of the real one, an empty package
// database, and a repository that is served over HTTP on a loopback port. Nothing of the
// machine that runs the tests is changed, and nothing is fetched.
package installer
