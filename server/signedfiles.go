package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/audit/evidence"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign"
)

// SignFileInput is what goes with an uploaded file.
type SignFileInput struct {
	Format      string `query:"format" enum:"pe,msi,cab,jar" required:"true"`
	Product     string `query:"product" minLength:"1" maxLength:"200" required:"true"`
	Certificate string `query:"certificate" pattern:"^([0-9a-f]{2,40})?$"`
	Explain     bool   `query:"explain"`
	PerBuild    bool   `query:"per_build"`
	Commit      string `query:"commit" pattern:"^([0-9a-f]{40}|[0-9a-f]{64})?$"`
}

// signFile takes both digests of a file from its bytes, which are deleted before it
// answers. It is for formats that sign another hash than the file's own, when no evidence
// states that hash: that the two belong together is then this service's own finding.
func (s *Server) signFile(ctx context.Context, in *SignFileInput) (*body[api.Signature], error) {
	x := exchangeOf(ctx)
	if err := checkUpload(x.request); err != nil {
		return nil, err
	}
	digests, err := s.digestUpload(caller(ctx).Vendor, format.Kind(in.Format), x.body())
	if err != nil {
		return nil, err
	}
	out, err := s.signRequest(ctx, sign.Request{
		Vendor: caller(ctx).Vendor, By: caller(ctx).ID, Digest: digests.SHA256, Signed: digests.Signed, Computed: true,
		Format: in.Format, Product: in.Product, Certificate: in.Certificate, PerBuild: in.PerBuild, Commit: in.Commit,
	}, in.Explain)
	if err != nil {
		return nil, err
	}
	return answer(out.answer()), nil
}

// digestUpload writes an upload to a file of its own, takes its digests and deletes it.
// What a crash leaves is in the system's folder for temporary files.
func (s *Server) digestUpload(vendor string, kind format.Kind, from io.Reader) (format.Digests, error) {
	leave, ok := s.uploads.take(vendor, maxUploads, maxVendorUploads)
	if !ok {
		return format.Digests{}, problem(http.StatusServiceUnavailable, "busy", "too many files are being sent at once", "try again in a moment")
	}
	defer leave()
	f, err := format.Find(format.Files(), kind)
	if err != nil {
		return format.Digests{}, invalid("format", err.Error(), "")
	}
	dir, err := os.MkdirTemp("", "hallmark-upload-")
	if err != nil {
		return format.Digests{}, fmt.Errorf("take upload: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, rand.Text())
	if err := receive(path, from); err != nil {
		return format.Digests{}, err
	}
	artifact, err := f.Open(path)
	if err != nil {
		return format.Digests{}, formatProblem(kind, err)
	}
	defer artifact.Close()
	digests, err := artifact.Digests()
	if err != nil {
		return format.Digests{}, formatProblem(kind, err)
	}
	return digests, nil
}

// receive writes an upload to a new file, at most evidence.MaxBytes.
func receive(path string, from io.Reader) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("take upload: %w", err)
	}
	n, err := io.Copy(file, io.LimitReader(from, evidence.MaxBytes+1))
	if err == nil && n > evidence.MaxBytes {
		err = evidence.ErrTooLarge
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return uploadProblem(err)
	}
	return nil
}

// formatProblem says what is wrong with a file's structure, without the name that it had
// here. What is no fault of the file stays an error of the service.
func formatProblem(kind format.Kind, err error) error {
	var malformed *format.Error
	if !errors.As(err, &malformed) {
		return err
	}
	return problem(http.StatusUnprocessableEntity, "malformed-file", fmt.Sprintf("not a %s file that can be signed: %s", kind, malformed), "")
}
