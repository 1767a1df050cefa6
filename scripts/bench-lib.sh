# shellcheck shell=bash
# What the benchmarks share, to be sourced after lib.sh: release programs, servers and databases that end with the script.
[ -n "${built:-}" ] || {
    command -v wrk >/dev/null || {
        say "installing the load generator: wrk"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk
    }
    scripts/release-build
}
certctl="$root/.build/release/certctl"

work=$(mktemp -d)
chmod 755 "$work"
pids=()
stop() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    [ -z "${cluster:-}" ] || stop_postgres
    rm -rf "$work"
}
trap stop EXIT

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}
milliseconds() { date +%s%3N; }
resident_mib() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
# The most memory that processes had at once, each by itself, added up; and from now on anew.
peak_mib() { for pid in "$@"; do cat "/proc/$pid/status"; done | awk '/^VmHWM/ { sum += $2 } END { printf "%.1f", sum / 1024 }'; }
forget_peak() { echo 5 >"/proc/$1/clear_refs"; }

start_server() { # data directory, port, database URL or empty, further settings…
    env HOME="$work" CERTCTL_DATA_DIR="$1" CERTCTL_SERVER_PORT="$2" ${3:+CERTCTL_DATABASE_URL="$3"} "${@:4}" \
        CERTCTL_CONFIG_ENCRYPTION_KEY="bench-sealing-key-0123456789abcdef-bench" \
        CERTCTL_BOOTSTRAP_TOKEN="bench-bootstrap-token-0123456789abcdef" \
        CERTCTL_RATE_LIMIT_ENABLED=false CERTCTL_LOG_LEVEL=warn \
        "$certctl" server >"$work/server.log" 2>&1 &
    server_pid=$!
    pids+=("$server_pid")
    for _ in $(seq 1 3000); do
        [ "$(curl -sk -o /dev/null -w '%{http_code}' "https://127.0.0.1:$2/ready" 2>/dev/null)" = 200 ] && return 0
        kill -0 "$server_pid" 2>/dev/null || { cat "$work/server.log" >&2; fail "the server ended"; }
    done
    fail "the server did not become ready"
}

stop_server() { kill "$server_pid" && wait "$server_pid" 2>/dev/null || true; }

start_postgres() {
    programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -1)
    [ -n "$programs" ] || fail "no PostgreSQL below /usr/lib/postgresql"
    cluster="$work/pg"
    mkdir "$cluster"
    as_postgres=()
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$cluster"; as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi
    "${as_postgres[@]}" "$programs/initdb" -D "$cluster/data" -U bench --auth=trust >/dev/null
    "${as_postgres[@]}" "$programs/pg_ctl" -D "$cluster/data" -w -l "$cluster/log" \
        -o "-c listen_addresses='' -c unix_socket_directories='$cluster' -c max_connections=100" start >/dev/null
    "${as_postgres[@]}" "$programs/createdb" -h "$cluster" -U bench bench
    stop_postgres() { "${as_postgres[@]}" "$programs/pg_ctl" -D "$cluster/data" -m immediate stop >/dev/null 2>&1 || true; }
    database_url="postgresql:///bench?host=$cluster&user=bench"
}

on_sqlite() { python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None); c.execute(sys.argv[2])' "$@"; }
processor_ticks() { awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
