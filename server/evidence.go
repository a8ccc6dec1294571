package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/evidence"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// EvidencePath is the path of one file of an assessment's evidence.
type EvidencePath struct {
	DigestPath
	SHA256 string `path:"sha256" pattern:"^[0-9a-f]{64}$"`
}

// listEvidence says what the findings name and which of it has been handed in.
func (s *Server) listEvidence(ctx context.Context, in *DigestPath) (*body[[]api.EvidenceFile], error) {
	list, err := s.evidenceOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(list), nil
}

// evidenceOf lists an assessment's evidence for a caller who may see it. What the
// findings name is read from the signed bytes.
func (s *Server) evidenceOf(ctx context.Context, id string) ([]api.EvidenceFile, error) {
	rec, err := s.visibleAssessment(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []api.EvidenceFile
	err = s.Store.View(ctx, func(r store.Reader) error {
		a, err := audit.Open(r, rec)
		if err != nil {
			return err
		}
		list = namedEvidence(a)
		for file, err := range store.EvidenceFiles.All(r, id+"/") {
			if err != nil {
				return err
			}
			if file.Assessment != id {
				break
			}
			if i := indexOfEvidence(list, file.SHA256); i >= 0 {
				list[i].Held, list[i].Size, list[i].At, list[i].By = true, file.Size, file.At, file.By
			}
		}
		return nil
	})
	return list, err
}

func indexOfEvidence(list []api.EvidenceFile, sha256 string) int {
	return slices.IndexFunc(list, func(f api.EvidenceFile) bool { return f.SHA256 == sha256 })
}

// namedEvidence lists what the findings of an assessment name by a SHA-256, each once.
func namedEvidence(a audit.Assessment) []api.EvidenceFile {
	list := []api.EvidenceFile{}
	for _, f := range a.Findings {
		for _, e := range f.Evidence {
			if sum := e.Digest["sha256"]; sum != "" {
				list = addEvidence(list, f.Requirement, sum, e)
			}
		}
	}
	return list
}

func addEvidence(list []api.EvidenceFile, requirement, sum string, e attest.ResourceDescriptor) []api.EvidenceFile {
	i := indexOfEvidence(list, sum)
	if i < 0 {
		i = len(list)
		list = append(list, api.EvidenceFile{SHA256: sum, Names: []string{}, URI: e.URI, MediaType: e.MediaType})
	}
	if e.Name != "" && !slices.Contains(list[i].Names, e.Name) {
		list[i].Names = append(list[i].Names, e.Name)
	}
	if !slices.Contains(list[i].Requirements, requirement) {
		list[i].Requirements = append(list[i].Requirements, requirement)
	}
	return list
}

// putEvidence takes the bytes of a file that a finding names. Whoever hands them in
// shows that they have them, also when the same bytes lie here for another assessment
// (the folder reads them again): a digest alone must not open somebody else's file.
func (s *Server) putEvidence(ctx context.Context, in *EvidencePath) (*body[api.EvidenceFile], error) {
	list, err := s.evidenceOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	i := indexOfEvidence(list, in.SHA256)
	if i < 0 {
		return nil, invalid("sha256", "no finding of this assessment names "+in.SHA256, "only what the auditor signed is kept; 'hallmark audit evidence list' shows it")
	}
	if list[i].Held {
		return answer(list[i]), nil
	}
	x := exchangeOf(ctx)
	if err := checkUpload(x.request); err != nil {
		return nil, err
	}
	size, err := s.Evidence.Put(ctx, in.SHA256, x.body())
	if err != nil {
		return nil, uploadProblem(err)
	}
	file := store.Evidence{Assessment: in.ID, SHA256: in.SHA256, Size: size, At: s.Now().UTC(), By: caller(ctx).ID}
	if err := s.recordEvidence(ctx, file); err != nil {
		return nil, err
	}
	list[i].Held, list[i].Size, list[i].At, list[i].By = true, file.Size, file.At, file.By
	return answer(list[i]), nil
}

// checkUpload refuses before a byte is read: a client that asks first (Expect:
// 100-continue) has sent nothing then.
func checkUpload(r *http.Request) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != streamType {
		return problem(http.StatusUnsupportedMediaType, "media-type", "want Content-Type: "+streamType, "send the file's bytes as they are")
	}
	if r.ContentLength > evidence.MaxBytes {
		return tooLarge()
	}
	return nil
}

// uploadProblem says what is wrong with the bytes of an upload.
func uploadProblem(err error) error {
	var cut *http.MaxBytesError
	switch {
	case errors.Is(err, evidence.ErrMismatch):
		return invalid("sha256", "the bytes have another SHA-256", "the file is not the one that the auditor saw, or it was cut off on the way")
	case errors.Is(err, evidence.ErrTooLarge), errors.As(err, &cut):
		return tooLarge()
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded):
		return problem(http.StatusBadRequest, "cut-off", "the upload ended before the file did", "try again")
	}
	return err
}

func tooLarge() error {
	return problem(http.StatusRequestEntityTooLarge, "too-large", "the file is larger than "+strconv.Itoa(evidence.MaxBytes)+" bytes", "keep it yourself: its digest is in the assessment")
}

func (s *Server) recordEvidence(ctx context.Context, file store.Evidence) error {
	event := s.event(ctx, "file.evidence", file.Assessment, map[string]string{"sha256": file.SHA256, "size": strconv.FormatInt(file.Size, 10)})
	return s.Store.Update(ctx, func(tx store.Tx) error {
		err := store.EvidenceFiles.Insert(tx, file)
		if errors.Is(err, store.ErrExists) { // two at once: the first has recorded it
			return nil
		}
		if err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
}

// getEvidence sends a file that was handed in for this assessment.
func (s *Server) getEvidence(ctx context.Context, in *EvidencePath) (*huma.StreamResponse, error) {
	if _, err := s.visibleAssessment(ctx, in.ID); err != nil {
		return nil, err
	}
	err := s.Store.View(ctx, func(r store.Reader) error {
		_, err := store.EvidenceFiles.Get(r, in.ID+"/"+in.SHA256)
		return missing(err, "file of evidence", in.SHA256)
	})
	if err != nil {
		return nil, err
	}
	file, size, err := s.Evidence.Open(in.SHA256)
	if err != nil {
		return nil, err
	}
	x := exchangeOf(ctx)
	return &huma.StreamResponse{Body: func(out huma.Context) {
		defer file.Close()
		out.SetHeader("Content-Type", streamType)
		out.SetHeader("Content-Length", strconv.FormatInt(size, 10))
		out.SetHeader("Content-Disposition", `attachment; filename="`+in.SHA256+`"`)
		out.SetHeader("X-Content-Type-Options", "nosniff")
		out.SetStatus(http.StatusOK)
		// The status is sent by now: whoever fetches evidence compares its digest.
		if _, err := io.Copy(out.BodyWriter(), movingReader{file, x}); err != nil {
			s.Log.WarnContext(ctx, "evidence did not arrive whole", "sha256", in.SHA256, "error", err)
		}
	}}, nil
}
