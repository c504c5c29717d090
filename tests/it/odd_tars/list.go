// Lists tars as Go's archive/tar reads them: a line for each entry, a dot after each archive, an
// exclamation mark before the dot if it can't be read to its end.
package main

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func kind(flag byte) string {
	switch flag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeGNUSparse:
		return "f"
	}
	return string(flag)
}

func list(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	archive := tar.NewReader(file)
	for {
		entry, err := archive.Next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		hash := sha256.New()
		size, err := io.Copy(hash, archive)
		if err != nil {
			return err
		}
		if entry.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		fmt.Printf("%s %x. %x. %d %d %d %d %x\n", kind(entry.Typeflag), entry.Name, entry.Linkname, size,
			entry.Uid, entry.Gid, entry.ModTime.Unix(), hash.Sum(nil))
	}
}

func main() {
	for _, path := range os.Args[1:] {
		if err := list(path); err != nil {
			fmt.Println("!")
		}
		fmt.Println(".")
	}
}
