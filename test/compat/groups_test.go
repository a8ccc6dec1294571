package compat

// groups prepares everything in the order of the world's time and returns all cases.
func (w *world) groups() []group {
	oldPE, oldJAR := w.signPEInThePast(), w.signJARInThePast()
	w.today()
	authenticode, jars := w.authenticode(oldPE), w.jars(oldJAR)
	w.revoke()
	return []group{
		w.opensslVerify(), w.opensslCMS(), w.opensslTS(), w.opensslOCSP(), w.opensslCRL(), authenticode, jars,
	}
}
