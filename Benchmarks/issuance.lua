-- Load script for wrk: every request carries a CSR that was never sent before.
-- Arguments: file of "<path>\t<json body>" lines, number of threads.
local started = 0

function setup(thread)
    thread:set("id", started)
    started = started + 1
end

function init(args)
    local file, threads = args[1], tonumber(args[2])
    local headers = {
        ["Authorization"] = "Bearer " .. os.getenv("CERTCTL_BENCH_KEY"),
        ["Content-Type"] = "application/json",
    }
    requests, position, refused = {}, 0, 0
    local number = 0
    for line in io.lines(file) do
        if number % threads == id then
            local path, body = line:match("^(%S+)\t(.*)$")
            requests[#requests + 1] = wrk.format("POST", path, headers, body)
        end
        number = number + 1
    end
end

function request()
    position = position + 1
    if position > #requests then
        exhausted = true
        wrk.thread:stop()
        position = #requests
    end
    return requests[position]
end

function response(status)
    if status ~= 201 then refused = refused + 1 end
end

local threads = {}
local setup_thread = setup
function setup(thread)
    setup_thread(thread)
    threads[#threads + 1] = thread
end

function done(summary, latency)
    local refused = 0
    local exhausted = false
    for _, thread in ipairs(threads) do
        refused = refused + thread:get("refused")
        exhausted = exhausted or thread:get("exhausted") == true
    end
    io.write(string.format(
        "RESULT issued=%d refused=%d seconds=%.3f p50_ms=%.1f p99_ms=%.1f socket_errors=%d exhausted=%s\n",
        summary.requests - refused, refused, summary.duration / 1e6, latency:percentile(50) / 1000,
        latency:percentile(99) / 1000,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
        tostring(exhausted)))
end
