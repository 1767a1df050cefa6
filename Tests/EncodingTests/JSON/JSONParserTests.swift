import Encoding
import Testing

@Suite("RFC 8259: strict JSON with the limits of the API")
struct JSONParserTests {
    @Test(
        "well-formed texts",
        arguments: [
            ("null", JSONValue.null),
            (" true ", .bool(true)),
            ("-0", .integer(0)),
            ("9007199254740992", .integer(1 << 53)),
            ("-12.5e1", .number(-125)),
            ("0.1", .number(0.1)),
            (#""a\u0041\n\/\ud83d\ude00é""#, .string("aA\n/😀é")),
            ("[]", .array([])),
            ("[1,[2,{}]]", .array([1, .array([2, .object([:])])])),
            (#"{"b":1,"a":{"x":null}}"#, .object(["b": 1, "a": .object(["x": .null])])),
        ]
    )
    func accepts(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(
        "malformed texts are refused with a reason",
        arguments: [
            ("", JSONSyntaxError.Reason.emptyText),
            ("  ", .emptyText),
            ("{", .unexpectedEnd),
            ("[1,", .unexpectedEnd),
            ("[1,]", .unexpectedOctet(UInt8(ascii: "]"))),
            ("{\"a\":1,}", .unexpectedOctet(UInt8(ascii: "}"))),
            ("{a:1}", .unexpectedOctet(UInt8(ascii: "a"))),
            ("{\"a\" 1}", .unexpectedOctet(UInt8(ascii: "1"))),
            ("'a'", .unexpectedOctet(UInt8(ascii: "'"))),
            ("nul", .unexpectedEnd),
            ("nulL", .invalidLiteral),
            ("True", .unexpectedOctet(UInt8(ascii: "T"))),
            ("1 2", .trailingContent),
            ("{}x", .trailingContent),
            ("01", .invalidNumber),
            ("-", .invalidNumber),
            ("1.", .invalidNumber),
            ("1e", .invalidNumber),
            ("+1", .unexpectedOctet(UInt8(ascii: "+"))),
            (".5", .unexpectedOctet(UInt8(ascii: "."))),
            ("NaN", .unexpectedOctet(UInt8(ascii: "N"))),
            ("9007199254740993", .numberOutOfRange),
            ("99999999999999999999999999", .numberOutOfRange),
            ("1e400", .numberOutOfRange),
            ("\"\n\"", .controlCharacter(0x0A)),
            ("\"\\n\u{1}\"", .controlCharacter(0x01)),
            (#""\x""#, .invalidEscape),
            (#""\u12G4""#, .invalidEscape),
            (#""\ud800""#, .loneSurrogate),
            (#""\ud800\u0041""#, .loneSurrogate),
            (#""\udc00\ud800""#, .loneSurrogate),
            ("\"abc", .unexpectedEnd),
            (#"{"a":1,"b":2,"a":3}"#, .duplicateMember("a")),
            (#"{"a":1,"\u0061":3}"#, .duplicateMember("a")),
            ("\u{FEFF}{}", .unexpectedOctet(0xEF)),
            ("/* c */ 1", .unexpectedOctet(UInt8(ascii: "/"))),
        ]
    )
    func refuses(text: String, reason: JSONSyntaxError.Reason) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: text) }
        #expect(error?.reason == reason)
    }

    @Test(
        "octets that are not UTF-8 are refused",
        arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] as [[UInt8]]
    )
    func refusesInvalidUTF8(octets: [UInt8]) {
        let quoted = [UInt8(ascii: "\"")] + octets + [UInt8(ascii: "\"")]
        #expect(throws: JSONSyntaxError(offset: 0, reason: .invalidUTF8)) { try JSONValue(parsing: quoted) }
        let escaped = Array(#""\n"#.utf8) + octets + [UInt8(ascii: "\"")]
        #expect(throws: JSONSyntaxError(offset: 0, reason: .invalidUTF8)) { try JSONValue(parsing: escaped) }
    }

    @Test("nesting is accepted up to the limit and refused beyond it")
    func depth() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        _ = try JSONValue(parsing: nested(32))
        let error = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: nested(33)) }
        #expect(error?.reason == .tooDeep(limit: 32))
        _ = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: String(repeating: "[", count: 500_000)) }
    }

    @Test("long strings and long arrays are refused")
    func lengths() throws {
        let limits = JSONLimits(depth: 2, stringLength: 4, elements: 3)
        #expect(try JSONValue(parsing: "[\"abcd\",2,3]", limits: limits) == ["abcd", 2, 3])
        #expect(throws: JSONSyntaxError(offset: 1, reason: .stringTooLong(limit: 4))) {
            try JSONValue(parsing: "[\"abcde\"]", limits: limits)
        }
        #expect(throws: JSONSyntaxError(offset: 8, reason: .tooManyElements(limit: 3))) {
            try JSONValue(parsing: "[1,2,3,4]", limits: limits)
        }
        #expect(throws: JSONSyntaxError(offset: 24, reason: .tooManyElements(limit: 3))) {
            try JSONValue(parsing: #"{"a":1,"b":2,"c":3,"d":4}"#, limits: limits)
        }
    }

    @Test("every truncation of a valid text is refused")
    func truncation() {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9é"],"b":{"c":null,"d":true}}"#.utf8)
        for length in 0..<text.count {
            _ = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text[..<length])) }
        }
    }

    @Test("random octets never crash the parser", arguments: 0..<8)
    func noise(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        let alphabet = Array("{}[]\",:\\u0123456789eE+-.truefalsnl \u{e9}\n".utf8)
        for _ in 0..<2_000 {
            var octets: [UInt8] = []
            for _ in 0..<24 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                octets.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            if let value = try? JSONValue(parsing: octets) {
                #expect((try? JSONValue(parsing: value.text)) == value)
            }
        }
    }
}
