package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"wpre-relay/schema"
)

// The journal is JSON Lines: one record a line, as {"id":POSITION,"at":TIME,"sum":CHECKSUM,"event":DOCUMENT}.

const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum guards a line against what is still valid JSON but not what was written: CRC-32C of the position, the
// time and the document, each as in the line.
func checksum(id, at string, document []byte) string {
	sum := crc32.Checksum([]byte(id+at), castagnoli)
	return fmt.Sprintf("%08x", crc32.Update(sum, castagnoli, document))
}

// appendLine appends rec as a line of the journal.
func appendLine(dst []byte, rec *Record) []byte {
	id, at := rec.Position.String(), rec.Time.Format(timeFormat)
	dst = append(dst, `{"id":"`...)
	dst = append(dst, id...)
	dst = append(dst, `","at":"`...)
	dst = append(dst, at...)
	dst = append(dst, `","sum":"`...)
	dst = append(dst, checksum(id, at, rec.Event.Document)...)
	dst = append(dst, `","event":`...)
	dst = append(dst, rec.Event.Document...)
	return append(dst, "}\n"...)
}

// parseLine is the inverse of appendLine, without the line's end.
func parseLine(line []byte) (*Record, error) {
	var fields struct {
		ID    string          `json:"id"`
		At    string          `json:"at"`
		Sum   string          `json:"sum"`
		Event json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(line, &fields); err != nil {
		return nil, err
	}
	if fields.Sum != checksum(fields.ID, fields.At, fields.Event) {
		return nil, errors.New("the checksum does not match")
	}
	at, err := ParsePosition(fields.ID)
	if err != nil {
		return nil, err
	}
	written, err := time.Parse(timeFormat, fields.At)
	if err != nil {
		return nil, err
	}
	ev, _, err := schema.Decode(fields.Event, 0)
	if err != nil {
		return nil, err
	}
	return newRecord(at, written, ev), nil
}

// parseLines returns the records of a journal's content up to its last whole line, whose end it returns, and how
// many lines it passed over as damaged.
func parseLines(content []byte) (recs []*Record, end, damaged int) {
	for {
		n := bytes.IndexByte(content[end:], '\n')
		if n < 0 {
			return recs, end, damaged
		}
		rec, err := parseLine(content[end : end+n])
		if err != nil {
			damaged++
		} else {
			recs = append(recs, rec)
		}
		end += n + 1
	}
}
