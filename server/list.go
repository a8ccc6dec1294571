package server

import (
	"context"
	"iter"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

type seq[T any] = iter.Seq2[T, error]

// list reads one page of records and shows each as convert renders it. convert
// also returns the record's key, which is the cursor.
func list[T, A any](ctx context.Context, st Store, records func(store.Reader) seq[T], convert func(T) (string, A)) (*body[api.Page[A]], error) {
	return listWhere(ctx, st, records, func(T) bool { return true }, convert)
}

// listWhere is list for the records that keep lets through. A page may hold fewer
// than pageSize items and still have a next one.
func listWhere[T, A any](ctx context.Context, st Store, records func(store.Reader) seq[T], keep func(T) bool, convert func(T) (string, A)) (*body[api.Page[A]], error) {
	page := api.Page[A]{Items: []A{}}
	err := st.View(ctx, func(r store.Reader) error {
		last, read := "", 0
		for rec, err := range records(r) {
			if err != nil {
				return err
			}
			if len(page.Items) == pageSize || read == maxRead {
				page.Next = last
				return nil
			}
			key, item := convert(rec)
			last = key
			read++
			if keep(rec) {
				page.Items = append(page.Items, item)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer(page), nil
}
