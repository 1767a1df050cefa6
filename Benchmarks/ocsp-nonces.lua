-- Posts one OCSP request again and again, each time with another nonce: its 16 octets are the last of the request.
local file = assert(io.open(os.getenv("CERTCTL_BENCH_REQUEST"), "rb"))
local octets = file:read("*a")
file:close()
local front = octets:sub(1, #octets - 16)

function request()
    local nonce = {}
    for i = 1, 16 do nonce[i] = string.char(math.random(0, 255)) end
    return wrk.format("POST", nil, { ["Content-Type"] = "application/ocsp-request" }, front .. table.concat(nonce))
end
