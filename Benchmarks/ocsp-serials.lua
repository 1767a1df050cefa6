-- Asks for one of the revoked certificates after the other, at random: by a GET of its serial number, as `bench-pki` made it.
local count = tonumber(os.getenv("CERTCTL_BENCH_REVOKED"))

function init() math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 100000) end

function request()
    return wrk.format("GET", wrk.path .. string.format("1%039x", math.random(1, count)))
end
