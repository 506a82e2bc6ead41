#!/usr/bin/env bash
# Fuzzes every decoder for SECONDS (default 20) each, from the seeds in corpus/: fuzz/run.sh [SECONDS] [TARGET...]
#
# A stable toolchain is enough: coverage comes from LLVM passes that stable has too. The address sanitizer needs a nightly
# one, and is there for whoever has it: SANITIZER=address fuzz/run.sh 600
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-20}
targets=("${@:2}")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\([a-z]*\)"$/\1/p' fuzz/Cargo.toml)
sanitizer=${SANITIZER:-none}
toolchain=()
if [ "$sanitizer" != none ]; then toolchain=(+nightly); fi

# libFuzzer is C++.
if ! command -v c++ >/dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq g++ >/dev/null
fi
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked

# Where the target `row` has its file: in memory where possible.
TMPDIR=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

fuzz() { cargo "${toolchain[@]}" fuzz "$1" --sanitizer "$sanitizer" "${@:2}"; }

fuzz build
for target in "${targets[@]}"; do
  printf '\n== fuzz %s\n' "$target"
  # New inputs go to a directory of their own: the seeds stay as they are.
  mkdir -p "fuzz/target/corpus/$target"
  fuzz run "$target" "fuzz/target/corpus/$target" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 -verbosity=0
done
