// Package duration reads lengths of time as people write them in commands and configuration files: as Go does, and
// whole days and weeks, which Go does not know. It owns nothing.
package duration

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Decode is Parse into a time.Duration that reflection has found, as in a flag of kong.
func Decode(text string, target reflect.Value) error {
	d, err := Parse(text)
	if err == nil {
		target.SetInt(int64(d))
	}
	return err
}

// Parse reads "90m", "12h", "7d" or "2w". The error says so.
func Parse(text string) (time.Duration, error) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		count, is := strings.CutSuffix(text, unit)
		if n, err := strconv.ParseUint(count, 10, 16); is && err == nil && n <= uint64(math.MaxInt64/length) {
			return time.Duration(n) * length, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time; write for example 90m, 12h, 7d or 2w", text)
	}
	return d, nil
}
