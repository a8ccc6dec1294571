package bolt

import (
	"go.etcd.io/bbolt"
)

// buckets are the tables that one transaction has used, in the order in which it first
// did: finding a bucket is a search by itself, and a cursor that is used again has its
// memory. They are for one goroutine at a time, as the transaction is.
type buckets struct {
	tx   *bbolt.Tx
	used []bucket
	key  []byte // of the last search
}

// bucket is a table.
type bucket struct {
	name   string
	bolt   *bbolt.Bucket
	cursor *bbolt.Cursor // for searches that end before anybody else's begins
}

// find returns a table; nil: there is none.
func (b *buckets) find(name string) *bucket {
	for i := range b.used {
		if b.used[i].name == name {
			return &b.used[i]
		}
	}
	found := b.tx.Bucket([]byte(name))
	if found == nil {
		return nil
	}
	return b.keep(name, found)
}

// create returns a table, made if there is none.
func (b *buckets) create(name string) (*bucket, error) {
	if known := b.find(name); known != nil {
		return known, nil
	}
	made, err := b.tx.CreateBucketIfNotExists([]byte(name))
	if err != nil {
		return nil, err
	}
	return b.keep(name, made), nil
}

// keep returns a pointer that is good until the next call.
func (b *buckets) keep(name string, found *bbolt.Bucket) *bucket {
	b.used = append(b.used, bucket{name, found, found.Cursor()})
	return &b.used[len(b.used)-1]
}

// seek moves a table's cursor to the first key that is not before this one.
func (b *buckets) seek(t *bucket, key string) (found, value []byte) {
	b.key = append(b.key[:0], key...)
	return t.cursor.Seek(b.key)
}

// get returns the value under a key; nil: there is none.
func (b *buckets) get(t *bucket, key string) []byte {
	if found, value := b.seek(t, key); string(found) == key {
		return value
	}
	return nil
}
