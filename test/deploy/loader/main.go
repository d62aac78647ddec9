// Reads a compose file and a Dockerfile as the real tools do, by their own libraries: Compose's loader (schema, interpolation,
// consistency) and BuildKit's parser with its linter. Needs no engine. Arguments: compose file, env file, Dockerfile.
// Prints one line for each stage and service; on standard error what is wrong.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func loadCompose(path, envFile string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithEnvFiles(envFile), cli.WithDotEnv, cli.WithInterpolation(true), cli.WithConsistency(true))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for _, name := range project.ServiceNames() {
		fmt.Println("service", name)
	}
	return nil
}

func parseDockerfile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return err
	}
	warnings := 0
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		warnings++
		fmt.Fprintln(os.Stderr, rule, message)
	}})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		return err
	}
	for _, stage := range stages {
		fmt.Println("stage", stage.Name)
	}
	if warnings > 0 {
		return fmt.Errorf("%d warnings", warnings)
	}
	return nil
}

func main() {
	err := parseDockerfile(os.Args[3])
	if err == nil {
		err = loadCompose(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
