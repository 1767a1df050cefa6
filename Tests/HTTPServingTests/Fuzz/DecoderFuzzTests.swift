import APIContract
import Domain
import Encoding
import Outbound
import TestSupport
import Testing

@testable import HTTPServing

@Suite("Decoders of requests hold their promises for any input")
struct DecoderFuzzTests {
    @Test(
        "X-Forwarded-For: strangers are themselves; behind a proxy the client is a hop that was named",
        arguments: 0..<8 as Range<UInt64>)
    func proxies(seed: UInt64) {
        var input = SeededInput(seed)
        let proxies = TrustedProxies(ranges: ["10.0.0.0/8", "2001:db8::/32"].compactMap { AddressRange($0) })
        let hops = [
            "10.0.0.1", "10.9.9.9", "203.0.113.7", "2001:db8::1", "2a00::1", "::ffff:10.0.0.3", "::ffff:198.51.100.2",
            "unknown", "", "1.2.3.4:80", "[2a00::1]", "fe80::1%eth0",
        ]
        for _ in 0..<3000 {
            let named = (0..<input.below(6)).map { _ in input.pick(hops) }
            let field = input.damaged(
                named.joined(separator: ", "), with: [",", " ", ".", ":", "1", "\t", "%", "é", "\0"])
            let peer = input.pick(["192.0.2.1", "10.0.0.2", "2001:db8::9", "::ffff:192.0.2.1", ""])
            let client = proxies.client(peer: peer, forwardedFor: field)
            guard proxies.isTrusted(peer) else {
                #expect(client == AddressRange.canonical(peer), "\(peer) \(field)")
                continue
            }
            let mentioned = field.split(whereSeparator: { ", \t".contains($0) }).map {
                AddressRange.canonical(String($0))
            }
            #expect(client == AddressRange.canonical(peer) || mentioned.contains(client), "\(peer) \(field): \(client)")
            // Whatever stands left of the first stranger from the right has no say.
            let forged = proxies.client(peer: peer, forwardedFor: "198.51.100.99, 203.0.113.50," + field)
            if !proxies.isTrusted(client) {
                #expect(forged == client || AddressRange.octets(client) == nil, "\(field)")
            }
        }
    }

    @Test(
        "JSON: what is read back from what was written is the same; damage is an error or a value, never a crash",
        arguments: 0..<8 as Range<UInt64>)
    func json(seed: UInt64) throws {
        var input = SeededInput(seed)
        let alphabet = [
            "{", "}", "[", "]", "\"", "\\", "\\u", "d800", ",", ":", "1", "e9", "-", ".", "null", "tru", "\u{0}", "é",
            " ",
        ]
        for _ in 0..<400 {
            let value = Self.value(&input, depth: 4)
            #expect(try JSONValue(parsing: value.text) == value)
            let damaged = input.damaged(value.text, with: alphabet)
            if let read = try? JSONValue(parsing: damaged) {
                #expect(try JSONValue(parsing: read.text) == read, "\(damaged)")
            }
        }
        for depth in [33, 1000, 100_000] {
            let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: nested) }
        }
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: #"{"a":1,"a":2}"#) }
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: "9007199254740993") }
    }

    private static func value(_ input: inout SeededInput, depth: Int) -> JSONValue {
        switch input.below(depth > 0 ? 7 : 5) {
        case 0: return .null
        case 1: return .bool(input.below(2) == 0)
        case 2: return .integer(Int64(input.below(1 << 40)) - (1 << 39))
        case 3, 4:
            return .string(input.damaged("text \"with\" \\ é\n\u{1F600}", with: ["\u{1}", "\"", "/", "\\", "ß"]))
        case 5: return .array((0..<input.below(4)).map { _ in value(&input, depth: depth - 1) })
        default:
            var object = JSONObject()
            for number in 0..<input.below(4) { object["m\(number)"] = value(&input, depth: depth - 1) }
            return .object(object)
        }
    }

    @Test(
        "header fields: preferences stay between nothing and one, tags and queries are read or refused",
        arguments: 0..<8 as Range<UInt64>)
    func fields(seed: UInt64) {
        var input = SeededInput(seed)
        let alphabet = [
            ",", ";", "q=", "=", "*", "/", "\"", "W/", " ", "nan", "inf", "-1", "1e999", "é", "\t", "%", "%4", "&", "+",
        ]
        let accepts = ["application/json;q=0.5, */*;q=0.1", "text/*", "application/problem+json", "a/b;q=1;c=d"]
        let tags = ["\"v1\"", "W/\"v2\", \"v3\"", "*", "\"v18446744073709551616\""]
        let queries = ["page=1&per_page=50", "a=%41%42&b", "cursor=abc&cursor=def", "tag.x=1"]
        for _ in 0..<3000 {
            let ranges = MediaRanges(input.damaged(input.pick(accepts), with: alphabet))
            let quality = ranges.quality(of: "application/json")
            #expect(quality.isNaN || (0...1).contains(quality))
            _ = VersionCondition(input.damaged(input.pick(tags), with: alphabet))
            _ = EntityTag.list(input.damaged(input.pick(tags), with: alphabet), contains: "\"v1\"")
            _ = try? QueryValues(input.damaged(input.pick(queries), with: alphabet)[...], declared: [], isStrict: true)
            let text = input.damaged("a%20b%C3%A9", with: alphabet)
            if let decoded = PercentEncoding.decode(text[...]) { #expect(decoded.utf8.count <= text.utf8.count) }
        }
    }

    @Test(
        "URLs: what is accepted reads back as itself and holds nothing that others would read differently",
        arguments: 0..<8 as Range<UInt64>)
    func urls(seed: UInt64) throws {
        var input = SeededInput(seed)
        let samples = [
            "https://example.com", "https://example.com:8443/base/", "https://[2001:db8::1]:9/x",
            "HTTPS://EXAMPLE.com/a",
            "https://127.0.0.1",
        ]
        let alphabet = [
            "@", ":", "/", "//", "[", "]", "?", "#", "\\", "%", "%40", " ", "\n", "..", "é", "。", "\0", "http://",
            "0x7f",
        ]
        var accepted = 0
        for _ in 0..<4000 {
            let text = input.damaged(input.pick(samples), with: alphabet)
            guard let url = try? HTTPSURL(text) else { continue }
            accepted += 1
            #expect(try HTTPSURL(url.description) == url, "\(text)")
            #expect(!url.host.isEmpty && url.host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "\(text)")
            #expect(!url.host.contains { "@/?#\\[]%".contains($0) }, "\(text): \(url.host)")
            #expect((1...65_535).contains(url.port))
        }
        #expect(accepted > 200, "\(accepted)")
    }
}
