// Program xhotkey takes one hotkey with golang.design/x/hotkey: its keysym and X11's mask of modifiers are the
// arguments. It prints what happens to it, a line each.
package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.design/x/hotkey"
)

func main() {
	var numbers []uint64
	for _, arg := range os.Args[1:] {
		n, err := strconv.ParseUint(arg, 0, 32)
		if err != nil {
			panic(err)
		}
		numbers = append(numbers, n)
	}
	hk := hotkey.New([]hotkey.Modifier{hotkey.Modifier(numbers[1])}, hotkey.Key(numbers[0]))
	if err := hk.Register(); err != nil {
		fmt.Println("failed", err)
		return
	}
	fmt.Println("bound")
	for {
		select {
		case <-hk.Keydown():
			fmt.Println("down")
		case <-hk.Keyup():
			fmt.Println("up")
		}
	}
}
