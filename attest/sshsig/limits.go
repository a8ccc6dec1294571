package sshsig

const (
	// MaxKeyBytes bounds a public key, which is 2 KiB for the largest RSA key in use.
	MaxKeyBytes = 8 << 10
	// MaxSignatureBytes bounds a signature with its key, in armour.
	MaxSignatureBytes = 16 << 10
	// minRSABits is what NIST SP 800-57 asks for until 2030.
	minRSABits = 2048
)
