// Package gitcommit answers: is this the git commit that its id names, and did somebody whose
// key is known sign it?
//
// The id of a commit is the hash of "commit", its length and its bytes, so the object itself
// can travel as evidence: whoever hands it over need not be believed. It is the predicate of
// an in-toto statement whose subject is the commit:
//
//	{"_type": "https://in-toto.io/Statement/v1",
//	 "subject": [{"digest": {"gitCommit": "<40 or 64 hex digits>"}}],
//	 "predicateType": "https://github.com/hallmark-pki/hallmark/git-commit/v1",
//	 "predicate": {"object": "<base64 of what 'git cat-file commit' prints>"}}
//
// Read takes the signature out as git does (gitformat-signature(5)): it stands in the header
// gpgsig, of repositories whose objects are named by SHA-256 in gpgsig-sha256, and covers
// the object without that header. The reader is stricter than git: the headers tree,
// parents, author and committer stand in that order and once, there is at most one header
// that begins with "gpgsig", and no zero byte anywhere, so that two readers cannot see two
// commits. SHA-1 is computed with the detection of collisions, and an object that is half
// of one is refused.
//
// Signatures are those of OpenSSH keys (git's gpg.format=ssh, namespace "git"): package
// sshsig says which. Those of OpenPGP and X.509 are named in the refusal and not verified.
package gitcommit
