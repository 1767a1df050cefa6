import Encoding
import TestSupport

/// Makes hostile texts out of real ones: half of the time blindly, half of the time as JSON that stays well-formed, also inside
/// of texts that hold JSON in base64url, so that the mutation gets past the parser and into the decoders.
struct JSONMutator {
    private var input: SeededInput

    init(seed: UInt64) { input = SeededInput(seed) }

    mutating func mutate(_ octets: [UInt8], donors: [JSONValue]) -> [UInt8] {
        guard input.below(2) == 0, let value = try? JSONValue(parsing: octets) else {
            return input.damaged(octets, most: 3)
        }
        var result = value
        for _ in 0...input.below(3) { result = changed(result, donors) }
        return result.octets
    }

    private mutating func changed(_ value: JSONValue, _ donors: [JSONValue]) -> JSONValue {
        // Deeper most of the time, where there is a deeper.
        if input.below(4) > 0 {
            switch value {
            case .object(let object) where !object.isEmpty:
                var copy = object
                let key = input.pick(object.keys)
                copy[key] = changed(object[key] ?? .null, donors)
                return .object(copy)
            case .array(let elements) where !elements.isEmpty:
                var copy = elements
                let place = input.below(elements.count)
                copy[place] = changed(elements[place], donors)
                return .array(copy)
            case .string(let text):
                if let inner = Base64URL.decode(text), let json = try? JSONValue(parsing: inner),
                    json.objectValue != nil
                {
                    return .string(Base64URL.encode(changed(json, donors).octets))
                }
            default: break
            }
        }
        return replacement(of: value, donors)
    }

    private mutating func replacement(of value: JSONValue, _ donors: [JSONValue]) -> JSONValue {
        switch (input.below(7), value) {
        case (0, _): return input.pick(Self.strange)
        case (1, _): return part(of: input.pick(donors))
        case (2, .object(let object)):
            var copy = object
            if let member = object.members.first { copy[member.key] = nil }
            return .object(copy)
        case (3, .object(let object)):
            var copy = object
            copy[input.pick(Self.names)] = part(of: input.pick(donors))
            return .object(copy)
        case (4, .object(let object)): return .object(JSONObject(object.members.reversed()))
        case (4, .array(let elements)): return .array(elements + elements)
        case (_, .string(let text)):
            guard let octets = Base64URL.decode(text), input.below(3) > 0 else {
                return .string(input.damaged(text, with: ["A", "_", "-", "=", ".", "é", "\u{0}", "/"]))
            }
            return .string(Base64URL.encode(input.damaged(octets)))
        default: return .array([value])
        }
    }

    /// A value somewhere in another.
    private mutating func part(of value: JSONValue) -> JSONValue {
        guard input.below(4) > 0, let object = value.objectValue, !object.isEmpty else { return value }
        return part(of: object[input.pick(object.keys)] ?? .null)
    }

    private static let names = [
        "alg", "b64", "crit", "crv", "d", "e", "header", "jwk", "k", "kid", "kty", "n", "nonce", "oth", "p",
        "signatures", "typ", "url", "x", "y",
    ]
    private static let strange: [JSONValue] = [
        .null, true, 0, -1, 9_007_199_254_740_991, "", "none", "HS256", "ES256", "RS512", "EdDSA", "P-256", "P-521",
        "Ed25519", "RSA", "EC", "OKP", "oct", [], [:], "AA", .string(String(repeating: "A", count: 4000)),
    ]
}
