#!/usr/bin/env bash
# Makes the callers and verifiers in other languages ready in .cache/callers: code generated from the contract, dependencies, builds.
# What is there already and made from the same files is left as it is. `ready` lists what can be tried, `not-tried` what not and why.
set -euo pipefail
cd "$(dirname "$0")/.."

protoc_gen_go=1.36.12
protoc_gen_go_grpc=1.6.2
grpcurl=1.9.4

home=$PWD/.cache/callers
examples=examples/callers
verifiers=test/callers-elsewhere/verify-minted
loader=test/deploy/loader
mkdir -p "$home/bin"
: >"$home/ready"
: >"$home/not-tried"

# What a build wrote is shown if it fails. Where the script ends within one, standard error still leads into its log.
exec 3>&2
log=
trap '[ $? -eq 0 ] || [ -z "$log" ] || cat "$log" >&3' EXIT

# True where all of these programs are there; else puts on record that the caller is not tried.
have() {
  local name=$1 program
  shift
  for program in "$@"; do
    command -v "$program" >/dev/null && continue
    echo "$name: there is no $program" >>"$home/not-tried"
    return 1
  done
}

# Everything that a build is made from, as one hash.
fingerprint() {
  git ls-files --cached --others --exclude-standard -- "$@" scripts/callers.sh proto | sort | xargs cat | git hash-object --stdin
}

# build NAME "VERSION OF THE TOOLS" [FOLDER...]: runs build_NAME unless it ran for just these files.
build() {
  local name=$1 tools=$2 mark
  shift 2
  mark="$tools $(fingerprint "$@")"
  if [ "$(cat "$home/$name.built" 2>/dev/null)" != "$mark" ]; then
    echo "== building the callers in $name"
    rm -rf "$home/$name.built" "${home:?}/$name"
    # On a line of its own: behind `||` Bash would go on after a command of it that failed.
    log=$home/$name.out
    "build_$name" >"$log" 2>&1
    log=
    echo "$mark" >"$home/$name.built"
  fi
  echo "$name" >>"$home/ready"
}

# The folders lie as deep as those that they are copied from, so that ../../../proto is the contract here as well.
build_go() {
  mkdir -p "$home/go"
  cp -R $examples/go/. "$home/go/"
  cp -R $verifiers/go "$home/go/verify"
  cp -R $loader "$home/go/loader"
  GOBIN=$home/bin go install "google.golang.org/protobuf/cmd/protoc-gen-go@v$protoc_gen_go"
  GOBIN=$home/bin go install "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v$protoc_gen_go_grpc"
  (cd "$home/go" && PATH=$home/bin:$PATH buf generate && go vet . && go build -mod=readonly -o validate .)
  (cd "$home/go/verify" && go vet . && go build -mod=readonly -o verify .)
  (cd "$home/go/loader" && go vet . && go build -mod=readonly -o loader .)
}

build_python() {
  mkdir -p "$home/python/gen"
  cp -R $examples/python/. $verifiers/python/*.py "$home/python/"
  python3 -m venv "$home/python/venv"
  local pip=("$home/python/venv/bin/pip" install --disable-pip-version-check --quiet --no-deps --only-binary :all:)
  "${pip[@]}" -r $examples/python/requirements.txt
  "${pip[@]}" -r $verifiers/python/requirements.txt
  (cd "$home/python" && venv/bin/pip check &&
    venv/bin/python -m grpc_tools.protoc -I ../../../proto --python_out=gen --grpc_python_out=gen ../../../proto/cambio/v1/*.proto)
}

build_java() {
  mkdir -p "$home/java"
  cp -R $examples/java/. "$home/java/"
  cp -R $verifiers/java "$home/java/verify"
  local project
  for project in java java/verify; do
    mvn --batch-mode --quiet --strict-checksums --file "$home/$project/pom.xml" compile
  done
}

build_grpcurl() {
  GOBIN=$home/bin go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@v$grpcurl"
}

command -v jq >/dev/null || scripts/system-packages.sh jq 2>/dev/null || true
if have go go; then build go "$(go version)" $examples/go $verifiers/go $loader; fi
if have python python3; then build python "$(python3 --version)" $examples/python $verifiers/python; fi
if have java java javac mvn; then build java "$(java -version 2>&1 | head -1)" $examples/java $verifiers/java; fi
if have grpcurl go jq; then build grpcurl "$(go version)"; fi
if have "buf-curl" jq; then echo buf-curl >>"$home/ready"; fi
