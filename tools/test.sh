#!/usr/bin/env bash
# Every check of the project: lint, types, import contract, and the tests on SQLite and, where a
# server answers, on PostgreSQL. NO_SKIPS=1 makes a skipped test a failure, but for what needs a GPU
# or the git history.
# `tools/test.sh fast`: what answers within a minute or two, to run after each change.
set -u
bin=${VENV:-.venv}/bin
postgres=${TEST_POSTGRES_URL:-postgres://postgres@127.0.0.1:5432/postgres}
failed=()
missing=()

step() {
    echo "── $1"
    shift
    "$@" || failed+=("$*")
}

answers() {
    "$bin/python" - "$1" <<'PY'
import sys
import psycopg
try:
    psycopg.connect(sys.argv[1], connect_timeout=3).close()
except psycopg.Error as error:
    sys.exit(str(error))
PY
}

# Four at a time on two cores: many tests wait for processes that they have killed.
tests() {
    "$bin/python" -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder -p no:cacheprovider "$@"
}

# The types take as long as a third of the tests, and only one core: they are checked beside them.
types() {
    wait "$types_process"
    local code=$?
    cat "$types_said"
    rm "$types_said"
    return $code
}

verdict() {
    echo
    for line in ${missing[@]+"${missing[@]}"}; do
        echo "Not tested, because it is missing - $line"
    done
    if [ ${#missing[@]} -gt 0 ] && [ "${NO_SKIPS:-}" = 1 ]; then failed+=("something is missing"); fi
    if [ ${#failed[@]} -gt 0 ]; then
        printf 'FAILED: %s\n' "${failed[@]}"
        exit 1
    fi
    echo "All checks passed."
    exit 0
}

# A developer's own settings must not decide what is tested.
export CLIPMOD_ENV_FILE=/dev/null
unset DATABASE_URL REDIS_URL
# Hundreds of processes are started: the code is compiled once, and not in each.
unset PYTHONDONTWRITEBYTECODE
# Threads of one process that wait for each other leave the cores to the others.
export OMP_WAIT_POLICY=PASSIVE

step "Lint" "$bin/ruff" check .
step "Format" "$bin/ruff" format --check .
mapfile -t templates < <(find templates -name '*.html')
step "Format of templates" "$bin/djade" --check --target-version 5.2 "${templates[@]}"
step "Import contract" "$bin/lint-imports"
if [ "${1:-}" = fast ]; then
    step "Quick tests on SQLite" tests -n 2 -m "not slow and not browser"
    verdict
fi
types_said=$(mktemp)
"$bin/mypy" >"$types_said" 2>&1 &
types_process=$!
step "Migrations" "$bin/python" manage.py makemigrations --check --dry-run
step "Tests on SQLite" tests
step "Types" types
if answers "$postgres" 2>/dev/null; then
    # Few of these wait for processes, and each of the workers makes its tables first.
    DATABASE_URL="$postgres" step "Tests of the database on PostgreSQL" tests -n 3 --database-only
else
    missing+=("PostgreSQL: no server answers; \`apt-get install postgresql\`, or set TEST_POSTGRES_URL.")
fi
"$bin/python" -c "import redis; redis.from_url('${TEST_REDIS_URL:-redis://127.0.0.1:6379/13}').ping()" 2>/dev/null ||
    missing+=("Redis: no server answers; \`apt-get install redis-server\`, or set TEST_REDIS_URL.")
command -v chromium >/dev/null || missing+=("Chromium: \`apt-get install chromium\`.")
command -v curl >/dev/null || missing+=("curl, for the documents' examples: \`apt-get install curl\`.")
command -v node >/dev/null || missing+=("Node.js, for the documents' examples: \`apt-get install nodejs\`.")
verdict
