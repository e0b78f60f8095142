//go:build tools

// Package bed keeps the command that the test bed builds in this module's graph.
package bed

import _ "github.com/prometheus/prometheus/cmd/promtool"
