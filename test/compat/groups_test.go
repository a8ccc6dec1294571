package compat

// groups prepares everything in the order of the world's time and returns all cases.
func (w *world) groups() []group {
	oldPE := w.signPEInThePast()
	w.today()
	authenticode := w.authenticode(oldPE)
	w.revoke()
	return []group{
		w.opensslVerify(), w.opensslCMS(), w.opensslTS(), w.opensslOCSP(), w.opensslCRL(), authenticode,
	}
}
