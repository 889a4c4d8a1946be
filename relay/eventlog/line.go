package eventlog

import (
	"bytes"
	"errors"
	"hash/crc32"
	"strconv"
	"time"

	"wpre-relay/schema"
)

// The journal is JSON Lines: one record a line, as {"id":POSITION,"at":TIME,"sum":CHECKSUM,"event":DOCUMENT}. Lines
// are read only as they are written, to the byte.

const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

const (
	beforeID    = `{"id":"`
	beforeTime  = `","at":"`
	beforeSum   = `","sum":"`
	beforeEvent = `","event":`
	lineEnd     = "}\n"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendChecksum appends what guards a line against being taken for what was not written: CRC-32C of the position, the
// time and the document, each as in the line, in eight hexadecimal digits.
func appendChecksum(dst, id, at, document []byte) []byte {
	sum := crc32.Update(crc32.Update(crc32.Checksum(id, castagnoli), castagnoli, at), castagnoli, document)
	return append(dst, strconv.FormatUint(1<<32|uint64(sum), 16)[1:]...)
}

// appendLine appends rec as a line of the journal.
func appendLine(dst []byte, rec *Record) []byte {
	id, at := rec.Position.Append(nil), rec.Time.AppendFormat(nil, timeFormat)
	dst = append(append(dst, beforeID...), id...)
	dst = append(append(dst, beforeTime...), at...)
	dst = appendChecksum(append(dst, beforeSum...), id, at, rec.Event.Document)
	dst = append(append(dst, beforeEvent...), rec.Event.Document...)
	return append(dst, lineEnd...)
}

// entry is what a line says besides the document.
type entry struct {
	at       Position
	written  time.Time
	document []byte
}

// errDamaged is all that can be said of a line that is not as it was written.
var errDamaged = errors.New("the line is damaged")

// parseEntry takes a line, with its end, apart. The document shares its memory.
func parseEntry(line []byte) (e entry, err error) {
	rest, ok1 := bytes.CutPrefix(line, []byte(beforeID))
	id, rest, ok2 := bytes.Cut(rest, []byte(beforeTime))
	at, rest, ok3 := bytes.Cut(rest, []byte(beforeSum))
	sum, rest, ok4 := bytes.Cut(rest, []byte(beforeEvent))
	document, ok5 := bytes.CutSuffix(rest, []byte(lineEnd))
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !bytes.Equal(sum, appendChecksum(nil, id, at, document)) {
		return e, errDamaged
	}
	if e.at, err = ParsePosition(string(id)); err != nil {
		return e, err
	}
	e.written, err = time.Parse(timeFormat, string(at))
	e.document = document
	return e, err
}

// parseLine is the inverse of appendLine.
func parseLine(line []byte) (*Record, error) {
	e, err := parseEntry(line)
	if err != nil {
		return nil, err
	}
	ev, _, err := schema.Decode(e.document, len(e.document))
	if err != nil {
		return nil, err
	}
	return newRecord(e.at, e.written, ev), nil
}
