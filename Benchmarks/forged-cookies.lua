-- Each request brings a session cookie of the right form that was never given out.
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

-- Random base64url; the last character comes from those that leave no bits over.
local function text(length, last)
    local characters = {}
    for position = 1, length - 1 do
        local at = math.random(#alphabet)
        characters[position] = alphabet:sub(at, at)
    end
    local at = math.random(#last)
    return table.concat(characters) .. last:sub(at, at)
end

function request()
    local cookie = "v1.ses-" .. text(22, "AQgw") .. ".sk-" .. text(22, "AQgw") .. "." .. text(43, "AEIMQUYcgkosw048")
    return wrk.format("GET", nil, { ["Cookie"] = "__Host-certctl_session=" .. cookie })
end

function done(summary)
    io.write("RESULT " .. summary.requests .. "\n")
end
