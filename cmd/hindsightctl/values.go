package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hindsight-app/hindsight/assets/duration"
)

// mappers read values as kong does, but say what is wrong with one as people do.
var mappers = []kong.Option{
	kong.NamedMapper("existingfile", texts("a file", existing)),
	kong.NamedMapper("path", texts("a path", func(path string) (string, error) { return kong.ExpandPath(path), nil })),
	kong.NamedMapper("clip", texts("a clip", func(clip string) (string, error) { return absolute(clip), nil })),
	kong.KindMapper(reflect.Float64, kong.MapperFunc(number)),
	kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(length)),
}

func length(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := word(ctx, "a time")
	if err != nil {
		return err
	}
	return duration.Decode(text, target)
}

// texts reads texts that may not be empty: an empty one comes from a variable that is not set.
func texts(what string, read func(string) (string, error)) kong.Mapper {
	return kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		for {
			text, err := word(ctx, what)
			if err == nil && text == "" {
				err = fmt.Errorf("%s is expected, but the text is empty", what)
			}
			if err == nil {
				text, err = read(text)
			}
			if err != nil {
				return err
			}
			if target.Kind() != reflect.Slice {
				target.SetString(text)
				return nil
			}
			target.Set(reflect.Append(target, reflect.ValueOf(text)))
			if !ctx.Scan.Peek().IsValue() {
				return nil
			}
		}
	})
}

// existing is the whole path of a file that is there.
func existing(path string) (string, error) {
	whole := kong.ExpandPath(path)
	info, err := os.Stat(whole)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s doesn't exist", path)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%s can't be read: permission denied", path)
	case err != nil:
		return "", fmt.Errorf("%s is no file that can be read", path)
	case info.IsDir():
		return "", fmt.Errorf("%s is a folder, not a file", path)
	}
	return whole, nil
}

func number(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := word(ctx, "a number")
	if err != nil {
		return err
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%q is not a number", text)
	}
	target.SetFloat(n)
	return nil
}

// word takes the next word of the command line as a value. A negative number is one, but no flag is.
func word(ctx *kong.DecodeContext, what string) (string, error) {
	t := ctx.Scan.Peek()
	text, is := t.Value.(string)
	if !is || t.IsEOL() || !t.IsValue() && !negative(text) {
		return "", fmt.Errorf("%s is missing", what)
	}
	ctx.Scan.Pop()
	return text, nil
}

// negative is whether a word is a negative number, which kong would take for a flag: there are none with digits.
func negative(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] == '.' || word[1] >= '0' && word[1] <= '9')
}
