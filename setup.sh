#!/usr/bin/env bash
# setup.sh - install what Heddle needs on Debian 12, build it, and run its main job or its tests.
#
#   ./setup.sh demo    packages, tools, then: import WordNet, compile an R-GCN, show the plan, train it
#   ./setup.sh test    packages, everything with warnings as errors, then all tests
#   ./setup.sh deps    packages only          ./setup.sh build    packages and tools only
#
# Options by environment: JOBS (default: cores), BUILD_DIR (default: build or build-test),
# SKIP_DEPS=1 (packages are there already).
set -euo pipefail
cd "$(dirname "$0")"

die() { printf 'setup.sh: error: %s\n' "$*" >&2; exit 2; }
say() { printf '\n== %s\n' "$*"; }

toolchain=(ca-certificates cmake ninja-build ccache clang-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools)
libraries=(libflatbuffers-dev flatbuffers-compiler nlohmann-json3-dev libcli11-dev libabsl-dev libdnnl-dev libgloo-dev zlib1g-dev
  libserd-dev libzip-dev
  libc6-dev libstdc++-12-dev)
demo_data=(wordnet-base)
test_tools=(libgtest-dev libclang-rt-22-dev binutils python3-minimal strace)

install_packages() {
  [ "${SKIP_DEPS:-0}" = 1 ] && return 0
  local missing=()
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "these Debian packages are missing: ${missing[*]}; install them and set SKIP_DEPS=1"
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "run as root, or install: ${missing[*]}"
    sudo=sudo
  fi
  say "installing ${#missing[@]} packages"
  $sudo apt-get update -qq
  apt-cache show clang-22 >/dev/null 2>&1 ||
    die "no package clang-22: enable Debian's security suite (bookworm-security) in the apt sources and run again"
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() { # folder, tests ON|OFF, warnings as errors ON|OFF, targets (none: all)
  say "building in $1"
  cmake -S . -B "$1" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
    -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
    -DHEDDLE_BUILD_TESTS="$2" -DHEDDLE_WERROR="$3" >/dev/null
  local quiet=()
  [ -t 1 ] || quiet=(--quiet)
  ninja -C "$1" -j "${JOBS:-$(nproc)}" "${quiet[@]}" "${@:4}"
}

demo() {
  install_packages "${toolchain[@]}" "${libraries[@]}" "${demo_data[@]}"
  local folder="${BUILD_DIR:-build}"
  build "$folder" OFF OFF heddle-import heddle-compile heddle-dump heddle-run
  local bin="$folder/bin" out="${OUT_DIR:-runs/wordnet}"
  mkdir -p "$(dirname "$out")"
  say "importing WordNet"
  "$bin/heddle-import" --format=wordnet /usr/share/wordnet -o "$out.graph" --force
  say "compiling examples/wordnet/rgcn.json"
  "$bin/heddle-compile" --graph "$out.graph" --model examples/wordnet/rgcn.json -o "$out.plan" --force --quiet
  "$bin/heddle-dump" "$out.plan"
  say "training: a noun synset's domain (26 classes) from relations alone"
  "$bin/heddle-run" "$out.plan" --graph "$out.graph" -o "$out.run" --force
}

tests() {
  install_packages "${toolchain[@]}" "${libraries[@]}" "${demo_data[@]}" "${test_tools[@]}"
  local folder="${BUILD_DIR:-build-test}"
  build "$folder" ON ON
  say "running the tests"
  ctest --test-dir "$folder" --output-on-failure -j "${JOBS:-$(nproc)}"
}

case "${1:-}" in
  demo) demo ;;
  test) tests ;;
  build)
    install_packages "${toolchain[@]}" "${libraries[@]}"
    build "${BUILD_DIR:-build}" OFF OFF
    ;;
  deps) install_packages "${toolchain[@]}" "${libraries[@]}" "${demo_data[@]}" "${test_tools[@]}" ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
