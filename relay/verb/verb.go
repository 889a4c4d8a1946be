// Package verb does what a verb of the command line says, where that is more than one call: it hands the settings to the
// package that does the work, and writes what comes of it. It does none of the work, and does not know what watches the
// file or how the relay proper is run: its caller tells it.
package verb
