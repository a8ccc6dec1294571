package compat

// groups prepares everything in the order of the world's time and returns all cases:
// what is judged as expired is signed first, and what is judged as revoked before it is.
func (w *world) groups() []group {
	oldPE, oldJAR := w.signPEInThePast(), w.signJARInThePast()
	w.today()
	var all []group
	if w.program != "" {
		all = append(all, w.authenticode(oldPE))
	}
	all = append(all, w.jars(oldJAR))
	all = append(all, w.sealedFiles()...)
	images, revokedImage := w.images()
	all = append(all, images)
	all = append(all, w.provisional()...)
	content := []byte("what acme's builder built before its key was lost\n")
	signature, serial := w.signWith(content)
	w.revokeSerial(serial)
	w.revokeSerial(revokedImage)
	w.revokeSerial(w.revoked.issued.Record.Serial)
	return append(append([]group{
		w.opensslVerify(), w.opensslCMS(), w.opensslTS(), w.opensslOCSP(), w.opensslCRL(),
	}, all...), w.gpgsm(w.file(".bin", content), w.file(".p7s", signature)), w.certtoolVerify(), w.certtoolSignatures(), w.tokens())
}
