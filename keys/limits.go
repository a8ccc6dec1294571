package keys

import "time"

// Bounds on what people, files, tokens and agents hand in.
const (
	// maxURI is the length of a key's name in bytes. Paths end at 4096 on the systems
	// we know, and a URI names two of them.
	maxURI = 16 << 10
	// maxQuoted is how much of a longer one an error repeats.
	maxQuoted = 64
	// maxKeyFile is the size of a file with a key: an encrypted RSA key of 8192 bits
	// has 7 KB.
	maxKeyFile = 64 << 10
	// maxPINFile is the size of a file with a PIN: tokens take up to 255 bytes, and
	// whoever names another file by mistake should hear of it before the token does.
	maxPINFile = 1 << 10
	// maxSlots is how many slots of a module are looked at. p11-kit's proxy joins all
	// modules of a machine, with some dozens; network HSMs have hundreds of partitions.
	maxSlots = 1024
	// maxObjects is how many objects one search may find. A guess: a person chooses
	// among what is listed.
	maxObjects = 1024
	// maxModulusBits keeps the arithmetic of verifying short; the largest key that the
	// mark takes has 8192.
	maxModulusBits = 16384
	// maxSessions is how many signatures one token makes at once: what a loaded CA has
	// in hand. Network HSMs allow some hundred sessions for each client.
	maxSessions = 64
	// signPatience is how long a signature may wait for a session, for a restart of the
	// module and for a login, together. Not for the token's own work: a call into a
	// module cannot be broken off. A guess: an HTTP client has given up by then.
	signPatience = 20 * time.Second
	// restartPause is how long a module is left alone after it was restarted to find a
	// token that is away. A guess: it keeps a network HSM from a storm of logins, and a
	// person from waiting for long.
	restartPause = 2 * time.Second
	// maxShown is how many tokens or keys an error lists.
	maxShown = 8
	// maxAgentKeys is how many keys of an agent are looked at. OpenSSH's client gives
	// up after six tries; a guess with room.
	maxAgentKeys = 256
	// agentPatience is how long an agent may take to list its keys. It asks nobody for
	// that. A signature has no such bound, since a person may have to confirm it.
	agentPatience = 10 * time.Second
)
