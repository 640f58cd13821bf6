// Compiles the conformance cases to WASM, all in one process.
//
// Usage: compile <cases folder> <output folder>
//
// It writes modules.bin (the modules one after another, equal ones once) and index.jsonl, one
// line a case: {"id", "offset", "length"} or {"id", "error"}. The output folder appears only when
// everything is written.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

type testCase struct {
	ID      string   `json:"id"`
	Version string   `json:"version"`
	Query   string   `json:"query"`
	Modules []string `json:"modules"`
}

type entry struct {
	ID     string `json:"id"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	Error  string `json:"error,omitempty"`
}

const parallelCompilers = 2

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: compile <cases folder> <output folder>")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(casesDir, outDir string) error {
	cases, err := readCases(casesDir)
	if err != nil {
		return fmt.Errorf("read cases: %w", err)
	}
	partial := outDir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return err
	}
	if err := writeAll(partial, cases, compileAll(cases)); err != nil {
		return fmt.Errorf("write modules: %w", err)
	}
	return os.Rename(partial, outDir)
}

func readCases(dir string) ([]testCase, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	var all []testCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var topic struct {
			Cases []testCase `json:"cases"`
		}
		if err := json.Unmarshal(text, &topic); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, topic.Cases...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no case in %s", dir)
	}
	return all, nil
}

type compiled struct {
	module []byte
	err    error
}

func compileAll(cases []testCase) []compiled {
	results := make([]compiled, len(cases))
	next := make(chan int)
	var workers sync.WaitGroup
	var progress sync.Mutex
	done := 0
	for range parallelCompilers {
		workers.Go(func() {
			for at := range next {
				results[at].module, results[at].err = compileCase(cases[at])
				progress.Lock()
				done++
				if done%200 == 0 || done == len(cases) {
					fmt.Printf("compiled %d of %d cases\n", done, len(cases))
				}
				progress.Unlock()
			}
		})
	}
	for at := range cases {
		next <- at
	}
	close(next)
	workers.Wait()
	return results
}

// compileCase enables the experimental keywords only where a case does not compile without them,
// since some cases use those words as names.
func compileCase(c testCase) ([]byte, error) {
	module, err := compileWith(c, ast.CapabilitiesForThisVersion())
	if err == nil {
		return module, nil
	}
	experimental := ast.CapabilitiesForThisVersion(ast.CapabilitiesExperimentalKeywords(true))
	if module, retryErr := compileWith(c, experimental); retryErr == nil {
		return module, nil
	}
	return nil, err
}

func compileWith(c testCase, capabilities *ast.Capabilities) ([]byte, error) {
	version := ast.RegoV1
	if c.Version == "v0" {
		version = ast.RegoV0
	}
	options := []func(*rego.Rego){
		rego.Query(c.Query),
		rego.SetRegoVersion(version),
		rego.Capabilities(capabilities),
	}
	for at, module := range c.Modules {
		options = append(options, rego.Module(fmt.Sprintf("module-%d.rego", at), module))
	}
	result, err := rego.New(options...).Compile(context.Background())
	if err != nil {
		return nil, err
	}
	return result.Bytes, nil
}

func writeAll(dir string, cases []testCase, results []compiled) error {
	var modules bytes.Buffer
	offsets := map[string]int{}
	index, err := os.Create(filepath.Join(dir, "index.jsonl"))
	if err != nil {
		return err
	}
	defer index.Close()
	lines := bufio.NewWriter(index)
	encoder := json.NewEncoder(lines)
	for at, c := range cases {
		line := entry{ID: c.ID}
		if results[at].err != nil {
			line.Error = results[at].err.Error()
		} else {
			key := string(results[at].module)
			offset, seen := offsets[key]
			if !seen {
				offset = modules.Len()
				offsets[key] = offset
				modules.Write(results[at].module)
			}
			line.Offset, line.Length = offset, len(results[at].module)
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "modules.bin"), modules.Bytes(), 0o644)
}
